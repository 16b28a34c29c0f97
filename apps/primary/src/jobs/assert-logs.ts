import { isAbsolute, normalize, relative, sep } from 'node:path';
import type { Settings } from '@moltbot/config';
import { JOBS, type LogSource, MoltbotError } from '@moltbot/contracts';
import type { FileRecord } from '@moltbot/storage';

/** What uploads of logs are for. */
export const LOGS_PURPOSE = 'logs';

/**
 * Whether a caller may have these logs analysed, and whether they are there: uploads are the caller's own, all else is for administrators.
 * A payload of another shape is left to the queue, which refuses it with its path.
 * @throws MoltbotError `permission_denied`, `not_found` and `invalid_request` with the path of the input
 */
export async function assertLogs(options: {
  readonly payload: unknown;
  readonly settings: Pick<Settings, 'log_analysis' | 'logs'>;
  /** As the caller sees them. */
  readonly findFile: (id: string) => Promise<FileRecord | undefined>;
  readonly permitAdmin: () => void;
  /** @throws MoltbotError `permission_denied`, `model_not_found`, … where the caller can’t ask for this model */
  readonly assertModel: (name: string) => void;
}): Promise<void> {
  const { payload, assertModel, permitAdmin } = options;
  const parsed = JOBS['log-analysis'].payload.safeParse(payload);
  if (!parsed.success) return;
  const { inputs, baseline, summary } = parsed.data;
  if (summary !== undefined) assertSummary(summary.model ?? 'default', assertModel);
  const lists = { inputs, baseline };
  if ([...inputs, ...baseline].some(({ file_id: id }) => id === undefined)) permitAdmin();
  for (const [list, sources] of Object.entries(lists)) {
    for (const [index, source] of sources.entries()) await assertSource(source, `payload.${list}.${index}`, options);
  }
}

function assertSummary(name: string, assertModel: (name: string) => void): void {
  try {
    assertModel(name);
  } catch (error) {
    if (!(error instanceof MoltbotError) || error.http === 403) throw error;
    const param = 'payload.summary.model';
    throw new MoltbotError('invalid_request', `${param}: ${error.message}`, { param, http: 422, cause: error });
  }
}

async function assertSource(
  source: LogSource,
  path: string,
  { settings, findFile }: Parameters<typeof assertLogs>[0],
): Promise<void> {
  const { log_analysis: limits, logs } = settings;
  if (source.path !== undefined && !isInside(source.path, limits.folders)) {
    const param = `${path}.path`;
    const message = 'expected the absolute path of a file in one of `log_analysis.folders`';
    throw new MoltbotError('invalid_request', `${param}: ${message}.`, { param, http: 422 });
  }
  if (source.own_logs === true && logs.file === undefined) {
    const param = `${path}.own_logs`;
    throw new MoltbotError('invalid_request', `${param}: no log file is written, because \`logs.file\` is not set.`, {
      param,
      http: 422,
    });
  }
  if (source.file_id === undefined) return;
  const param = `${path}.file_id`;
  const file = await findFile(source.file_id);
  if (file === undefined) {
    throw new MoltbotError('not_found', `${param}: there is no such file, or it is another key’s.`, { param });
  }
  if (file.purpose !== LOGS_PURPOSE) {
    const message = `the file is for \`${file.purpose}\`: upload it with purpose=${LOGS_PURPOSE}`;
    throw new MoltbotError('invalid_request', `${param}: ${message}.`, { param, http: 422 });
  }
  if (file.bytes > limits.max_size) {
    const message = `the file has ${file.bytes} bytes, and may have ${limits.max_size} (\`log_analysis.max_size\`)`;
    throw new MoltbotError('invalid_request', `${param}: ${message}.`, { param, http: 422 });
  }
}

/** As it is written; where links lead is looked up by the worker, which opens it. */
function isInside(path: string, folders: readonly string[]): boolean {
  if (!isAbsolute(path)) return false;
  return folders.some((folder) => {
    const way = relative(normalize(folder), normalize(path));
    return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
  });
}
