import { type JobPayload, type LogSource, MoltbotError } from '@moltbot/contracts';
import type { JobDeps } from '../deps.js';
import { openFolderFile } from './folder-file.js';
import type { OpenLog } from './log-source.js';
import { openObjectLog } from './object-log.js';
import { openOwnLogs } from './own-logs.js';

export interface OpenedLog extends OpenLog {
  readonly role: 'current' | 'baseline';
}

type Deps = Pick<JobDeps, 'storage' | 'objects' | 'settings'>;

/**
 * Finds and opens all inputs of a job. Who may read what was decided where the job was submitted; where a path really leads is looked up here.
 * @throws MoltbotError `not_found`, `permission_denied`, `log_input_invalid`; those of storage and store
 */
export async function openLogs(options: {
  readonly payload: JobPayload<'log-analysis'>;
  readonly deps: Deps;
  readonly signal: AbortSignal;
}): Promise<readonly OpenedLog[]> {
  const { payload, deps, signal } = options;
  const opened: OpenedLog[] = [];
  try {
    for (const [role, sources] of [
      ['current', payload.inputs],
      ['baseline', payload.baseline],
    ] as const) {
      for (const source of sources) {
        signal.throwIfAborted();
        for (const log of await openSource(source, payload, deps, signal)) opened.push({ ...log, role });
      }
    }
    assertSizes(opened, deps);
    return opened;
  } catch (error) {
    await closeLogs(opened);
    throw error;
  }
}

export async function closeLogs(logs: readonly OpenLog[]): Promise<void> {
  await Promise.all(logs.map(async (log) => log.close().catch(() => undefined)));
}

async function openSource(
  source: LogSource,
  payload: JobPayload<'log-analysis'>,
  { storage, objects, settings }: Deps,
  signal: AbortSignal,
): Promise<readonly OpenLog[]> {
  const { log_analysis: limits, logs } = settings();
  if (source.path !== undefined) return [await openFolderFile({ path: source.path, folders: limits.folders })];
  if (source.own_logs !== undefined) {
    const { since, until } = payload;
    return openOwnLogs({
      file: logs.file,
      maxFiles: logs.max_files,
      sinceMs: since === undefined ? undefined : Date.parse(since),
      untilMs: until === undefined ? undefined : Date.parse(until),
    });
  }
  if (source.object_key !== undefined) {
    const key = source.object_key;
    return [await openObjectLog({ objects: await objects(), key, name: key, signal })];
  }
  const id = source.file_id ?? '';
  const { files } = await storage();
  const file = await files.find(id);
  if (file === undefined) throw new MoltbotError('not_found', `There is no file ${id} any more.`);
  return [await openObjectLog({ objects: await objects(), key: file.objectKey, name: file.name, signal })];
}

function assertSizes(logs: readonly OpenLog[], { settings }: Deps): void {
  const most = settings().log_analysis.max_size;
  const large = logs.find(({ bytes }) => bytes > most);
  if (large === undefined) return;
  const { name, bytes } = large;
  throw new MoltbotError(
    'log_input_invalid',
    `${name} has ${bytes} bytes, and may have ${most} (\`log_analysis.max_size\`).`,
  );
}
