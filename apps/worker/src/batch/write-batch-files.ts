import { randomBytes } from 'node:crypto';
import type { BatchFile, BatchRecord, ObjectStore, Storage } from '@moltbot/storage';

const PAGE = 200;
/** What answers take is bounded by their number and their models. */
const MAX_BYTES = 1_099_511_627_776;

/**
 * Writes what a batch has answered into its output and its error file, those that have lines; in the order of the input. The rows
 * of both are begun: what is never ended is deleted later.
 * @throws MoltbotError `object_store_unavailable`, `storage_unavailable`; the signal's reason
 */
export async function writeBatchFiles(options: {
  readonly batch: BatchRecord;
  readonly storage: Pick<Storage, 'batches' | 'files'>;
  readonly objects: ObjectStore;
  /** Unix ms. */
  readonly expiresAt: number;
  readonly signal: AbortSignal;
}): Promise<readonly BatchFile[]> {
  const { batch, storage, objects, expiresAt, signal } = options;
  const files: BatchFile[] = [];
  for (const kind of ['output', 'error'] as const) {
    const [first] = await storage.batches.results(batch.id, { kind, after: 0, limit: 1 });
    if (first === undefined) continue;
    const id = `file-${randomBytes(12).toString('hex')}`;
    const objectKey = `files/${id}/content`;
    await storage.files.begin({ id, owner: batch.owner, objectKey });
    const body = contentOf({ storage, batchId: batch.id, kind });
    const stored = await objects.put({
      key: objectKey,
      body,
      maxBytes: MAX_BYTES,
      contentType: 'application/jsonl',
      signal,
    });
    files.push({
      id,
      kind,
      objectKey,
      name: `${batch.id}_${kind}.jsonl`,
      bytes: stored.size,
      sha256: stored.sha256,
      expiresAt,
    });
  }
  return files;
}

/** Files of an end that somebody else made first. */
export async function discardBatchFiles(options: {
  readonly files: readonly BatchFile[];
  readonly storage: Pick<Storage, 'files'>;
  readonly objects: ObjectStore;
}): Promise<void> {
  for (const { id, objectKey } of options.files) {
    await options.objects.delete(objectKey);
    await options.storage.files.drop(id);
  }
}

async function* contentOf(options: {
  readonly storage: Pick<Storage, 'batches'>;
  readonly batchId: string;
  readonly kind: 'output' | 'error';
}): AsyncGenerator<Uint8Array, void, undefined> {
  const { storage, batchId, kind } = options;
  for (let after = 0; ; ) {
    const page = await storage.batches.results(batchId, { kind, after, limit: PAGE });
    const last = page.at(-1);
    if (last === undefined) return;
    for (const { content } of page) yield Buffer.from(`${content}\n`);
    after = last.line;
  }
}
