import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { isBatchEndpoint, type JobPayload, type JobResult, MoltbotError } from '@moltbot/contracts';
import type { BatchEnd, BatchError, BatchRecord, BatchStatus, ObjectStore, Storage } from '@moltbot/storage';
import type { JobContext, JobDeps } from '../deps.js';
import { answerLines } from './answer-lines.js';
import { readBatchLine } from './batch-line.js';
import { batchOwner } from './batch-owner.js';
import { type InputLine, inputLines } from './input-lines.js';
import { createResultKeeper } from './result-keeper.js';
import { unsentLine } from './result-lines.js';
import { discardBatchFiles, writeBatchFiles } from './write-batch-files.js';

/** Another worker may take the batch when nothing was heard of this one for so long, or as long as jobs wait for theirs. */
const SHORTEST_LEASE_MS = 3_000;
const BEAT_MS = 1_000;
const CLAIM_EVERY_MS = 1_000;
const PROGRESS_EVERY_MS = 1_000;
const FILL_AT_ONCE = 500;

/** Why a batch ends before every line was sent; what is left gets this code in the error file. */
interface EarlyEnd {
  readonly status: Exclude<BatchEnd, 'completed'>;
  readonly rest: { readonly code: string; readonly message: string };
  readonly errors?: readonly BatchError[];
  /** Whether the lines are requests at all: then each that was not sent is told of. */
  readonly fill: boolean;
}

/** The batch has ended elsewhere, or another worker has it. */
class Lost extends Error {}

/** The end of the work for a reason that is not the job's own. */
class Ended extends Error {
  readonly end: EarlyEnd;

  constructor(end: EarlyEnd) {
    super(end.rest.code);
    this.end = end;
  }
}

/**
 * Does a batch, or what is left of it: counts its lines, sends each that has no result yet, writes the files. A line is in the
 * files at most once; one that was under way when a worker died is sent again.
 */
export async function runBatch(
  { batch_id: id }: JobPayload<'batch'>,
  deps: JobDeps,
  context: JobContext,
): Promise<JobResult<'batch'>> {
  const storage = await deps.storage();
  const worker = randomUUID();
  const batch = await claim({
    storage,
    id,
    worker,
    leaseMs: Math.max(SHORTEST_LEASE_MS, deps.settings().worker.takeover_after),
    signal: context.signal,
  });
  if (batch === undefined) return outcomeOf(storage, id);
  try {
    await new BatchRun({ batch, worker, deps, context, storage, objects: await deps.objects() }).run();
  } catch (error) {
    // Cancelled as a job: the batch is what its owner sees.
    if (context.signal.aborted && isCode(context.signal.reason, 'job_cancelled')) {
      await storage.batches.cancel(id);
      await context.followUp('batch', { batch_id: id }, { key: 'after-cancel' });
    }
    if (!(error instanceof Lost)) throw error;
  } finally {
    await storage.batches.release(id, worker).catch(() => undefined);
  }
  return outcomeOf(storage, id);
}

/** @returns undefined where it has ended, or another worker does it and lives. @throws MoltbotError `not_found`; the signal's reason */
async function claim(options: {
  readonly storage: Storage;
  readonly id: string;
  readonly worker: string;
  readonly leaseMs: number;
  readonly signal: AbortSignal;
}): Promise<BatchRecord | undefined> {
  const { storage, id, worker, leaseMs, signal } = options;
  for (let waited = 0; waited <= leaseMs + CLAIM_EVERY_MS; waited += CLAIM_EVERY_MS) {
    const claimed = await storage.batches.claim(id, { worker, leaseMs });
    if (claimed !== undefined) return claimed;
    const found = await storage.batches.find(id);
    if (found === undefined) throw new MoltbotError('not_found', 'There is no such batch any more.');
    if (found.endedAt !== undefined) return undefined;
    await delay(CLAIM_EVERY_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
  return undefined;
}

async function outcomeOf(storage: Storage, id: string): Promise<JobResult<'batch'>> {
  const batch = await storage.batches.find(id);
  if (batch === undefined) throw new MoltbotError('not_found', 'There is no such batch any more.');
  const { status, total, completed, failed } = batch;
  return { status, total, completed, failed };
}

interface RunOptions {
  readonly batch: BatchRecord;
  readonly worker: string;
  readonly deps: JobDeps;
  readonly context: JobContext;
  readonly storage: Storage;
  readonly objects: ObjectStore;
}

class BatchRun {
  readonly #options: RunOptions;
  readonly #stop = new AbortController();
  /** Of the job, and of what ends the batch. */
  readonly #signal: AbortSignal;

  constructor(options: RunOptions) {
    this.#options = options;
    this.#signal = AbortSignal.any([options.context.signal, this.#stop.signal]);
  }

  async run(): Promise<void> {
    const { batch, worker, storage, context } = this.#options;
    const keeper = createResultKeeper({
      batches: storage.batches,
      batchId: batch.id,
      worker,
      signal: context.signal,
      onStatus: (status) => this.#stands(status),
      onError: (error) => context.logger.warn('batch not stored, trying again', { error }),
    });
    const beat = setInterval(() => void keeper.beat(), BEAT_MS);
    const late = setTimeout(() => this.#expire(), Math.max(0, batch.expiresAt - Date.now()));
    try {
      this.#stands(batch.status);
      const end = await this.#answer(keeper.keep);
      await this.#finish(end);
    } finally {
      clearInterval(beat);
      clearTimeout(late);
    }
  }

  #stands(status: BatchStatus | undefined): void {
    if (status === undefined) this.#stop.abort(new Lost());
    if (status !== 'cancelling') return;
    const message = 'The batch was cancelled before this request was sent.';
    this.#stop.abort(new Ended({ status: 'cancelled', rest: { code: 'batch_cancelled', message }, fill: true }));
  }

  #expire(): void {
    const message = 'This request could not be sent before the completion window was over.';
    this.#stop.abort(new Ended({ status: 'expired', rest: { code: 'batch_expired', message }, fill: true }));
  }

  #refused({ code, message }: MoltbotError): void {
    const rest = { code, message };
    this.#stop.abort(new Ended({ status: 'failed', rest, errors: [rest], fill: true }));
  }

  /** @returns why it ended early, where it did. @throws Lost; the job's own end; MoltbotError of storage and store */
  async #answer(keep: Parameters<typeof answerLines>[0]['keep']): Promise<EarlyEnd | undefined> {
    const { batch, deps, context, storage, worker } = this.#options;
    const { endpoint } = batch;
    let shown = 0;
    try {
      if (!isBatchEndpoint(endpoint)) throw new MoltbotError('invalid_request', `No door ${endpoint}.`);
      const total = await this.#count();
      if ((await storage.batches.begin(batch.id, { worker, total })) === undefined) throw new Lost();
      const answered = new Set(await storage.batches.answeredLines(batch.id));
      let done = answered.size;
      await answerLines({
        deps,
        batchId: batch.id,
        endpoint,
        lines: this.#lines(),
        answered,
        owner: batchOwner({ batch, storage, now: Date.now }),
        keep: async (result) => {
          await keep(result);
          done += 1;
          if (deps.elapsed() - shown < PROGRESS_EVERY_MS) return;
          shown = deps.elapsed();
          await context.progress({ done, of: total });
        },
        signal: this.#signal,
        onRefused: (error) => this.#refused(error),
      });
      await context.progress({ done: total, of: total });
      return undefined;
    } catch (error) {
      context.signal.throwIfAborted();
      const reason: unknown = this.#stop.signal.aborted ? this.#stop.signal.reason : error;
      if (reason instanceof Ended) return reason.end;
      throw reason;
    }
  }

  /** @throws Ended where the input is no batch */
  async #count(): Promise<number> {
    let total = 0;
    const most = this.#options.deps.settings().worker.batch.max_requests;
    for await (const _line of this.#lines()) {
      this.#options.context.signal.throwIfAborted();
      total += 1;
      if (total > most) throw invalid('too_many_requests', `The input file has more than ${most} requests.`);
    }
    if (total === 0) throw invalid('empty_file', 'The input file holds no request.');
    return total;
  }

  async *#lines(): AsyncGenerator<InputLine, void, undefined> {
    const { batch, objects, deps } = this.#options;
    const found = await objects.get({ key: batch.inputKey });
    if (found === undefined) throw invalid('input_file_missing', `The input file ${batch.inputFileId} was deleted.`);
    yield* inputLines({ body: found.body, maxBytes: deps.settings().server.body_limit });
  }

  async #finish(early: EarlyEnd | undefined): Promise<void> {
    const { batch, storage, objects, context, deps } = this.#options;
    const { signal } = context;
    if (early?.fill === true) await this.#fillRest(early);
    await storage.batches.finalizing(batch.id);
    const expiresAt = Date.now() + (batch.outputExpiresMs ?? deps.settings().objects.batch_file_retention);
    const files = await writeBatchFiles({ batch, storage, objects, expiresAt, signal });
    const status = early?.status ?? 'completed';
    const ended = await storage.batches.end(batch.id, { status, errors: early?.errors, files });
    if (!ended) await discardBatchFiles({ files, storage, objects });
    else context.logger.info('batch ended', { batch: batch.id, status });
  }

  /** Every line of the input is in one of the files, also those that were never sent. */
  async #fillRest({ rest }: EarlyEnd): Promise<void> {
    const { batch, storage, worker, context } = this.#options;
    const { endpoint, id: batchId } = batch;
    if (!isBatchEndpoint(endpoint)) return;
    const answered = new Set(await storage.batches.answeredLines(batchId));
    let results: ReturnType<typeof unsentLine>[] = [];
    const save = async (): Promise<void> => {
      context.signal.throwIfAborted();
      if ((await storage.batches.save(batchId, { worker, results })) === undefined) throw new Lost();
      results = [];
    };
    try {
      for await (const input of this.#lines()) {
        if (answered.has(input.line)) continue;
        const line = readBatchLine(input, endpoint);
        results.push(unsentLine({ ...line, batchId }, line.type === 'refused' ? line : rest));
        if (results.length >= FILL_AT_ONCE) await save();
      }
    } catch (error) {
      // Nothing of it can be read any more.
      if (!(error instanceof Ended)) throw error;
    }
    await save();
  }
}

function invalid(code: string, message: string): Ended {
  const rest = { code, message };
  return new Ended({ status: 'failed', rest, errors: [rest], fill: false });
}

function isCode(error: unknown, code: MoltbotError['code']): boolean {
  return error instanceof MoltbotError && error.code === code;
}
