import { JOBS, type JobContract, type JobName, MoltbotError } from '@moltbot/contracts';
import { childTraceContext, formatTraceparent, type Logger, parseTraceparent } from '@moltbot/observability';
import type { JobAttempt, JobProcessor } from '@moltbot/queue';
import type { JobContext, JobDeps, JobHandlers } from './deps.js';

export interface RunnerOptions {
  readonly handlers: JobHandlers;
  readonly deps: JobDeps;
  readonly logger: Logger;
  readonly randomBytes: (size: number) => Buffer;
}

/** How long a handler may take to notice that its time is over. */
const LATE_MS = 1_000;

type AnyHandler = (payload: unknown, deps: JobDeps, context: JobContext) => Promise<unknown>;

/**
 * Does one attempt at a job: payload and result are parsed by the job's row, the time is limited by it, log lines carry the
 * trace. Throws MoltbotError only: `invalid_request` (never tried again), `deadline_exceeded`, `internal_error` for faults.
 */
export function createRunner(options: RunnerOptions): JobProcessor {
  const { handlers, deps, logger, randomBytes } = options;
  return async (attempt, { signal, progress, followUp }) => {
    const { row, handler } = rowOf(attempt, handlers);
    const payload = row.payload.safeParse(attempt.payload);
    if (!payload.success) {
      const issue = payload.error.issues[0];
      const path = ['payload', ...(issue?.path ?? [])].join('.');
      throw new MoltbotError('invalid_request', `${path}: ${issue?.message ?? 'not valid'}`, { param: path });
    }
    const trace = childTraceContext(parseTraceparent(attempt.traceparent), { randomBytes });
    const log = logger.child({
      job: attempt.name,
      jobId: attempt.id,
      attempt: attempt.attempt,
      traceId: trace.traceId,
    });
    if (log.isDebug) log.debug('job started', { traceparent: formatTraceparent(trace) });
    try {
      const result = await withinLimit(row.timeoutMs, signal, async (limited) =>
        handler(payload.data, deps, { jobId: attempt.id, signal: limited, logger: log, progress, followUp }),
      );
      return parseResult(row, result);
    } catch (error) {
      throw toJobError(error, log);
    }
  };
}

function rowOf(attempt: JobAttempt, handlers: JobHandlers): { row: JobContract; handler: AnyHandler } {
  if (!Object.hasOwn(JOBS, attempt.name)) {
    throw new MoltbotError('invalid_request', 'This version knows no job of this name', { param: 'name' });
  }
  const name = attempt.name as JobName;
  return { row: JOBS[name], handler: handlers[name] as AnyHandler };
}

/** Aborts the work at its limit, and waits for it no longer than a moment more. */
async function withinLimit<T>(
  limitMs: number,
  outer: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = new AbortController();
  const over = new MoltbotError('deadline_exceeded', `The job did not end within ${limitMs} ms`);
  const timer = setTimeout(() => {
    limit.abort(over);
  }, limitMs);
  let lateTimer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    lateTimer = setTimeout(() => {
      reject(over);
    }, limitMs + LATE_MS);
  });
  try {
    return await Promise.race([work(AbortSignal.any([outer, limit.signal])), late]);
  } catch (error) {
    throw limit.signal.aborted ? over : error;
  } finally {
    clearTimeout(timer);
    clearTimeout(lateTimer);
  }
}

function parseResult(row: JobContract, result: unknown): unknown {
  const parsed = row.result.safeParse(result);
  if (!parsed.success) throw new Error(`the handler's result does not fit its row: ${parsed.error.message}`);
  return parsed.data;
}

/** What a stranger threw is told to the log only. */
function toJobError(error: unknown, logger: Logger): MoltbotError {
  if (error instanceof MoltbotError) return error;
  logger.error('fault in a job', { error });
  return new MoltbotError('internal_error', undefined, { cause: error });
}
