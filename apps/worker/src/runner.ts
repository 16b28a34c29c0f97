import { JOBS, type JobContract, type JobName, MoltbotError } from '@moltbot/contracts';
import { childTraceContext, type JobTraces, type Logger, parseTraceparent } from '@moltbot/observability';
import { type JobAttempt, JobLater, type JobProcessor, LateAbort } from '@moltbot/queue';
import type { JobContext, JobDeps, JobHandlers } from './deps.js';
import { HandlerContext } from './handler-context.js';

export interface RunnerOptions {
  readonly handlers: JobHandlers;
  readonly deps: JobDeps;
  readonly logger: Logger;
  /** Where traces are wanted. */
  readonly traces?: JobTraces | undefined;
  readonly randomBytes: (size: number) => Buffer;
}

/** How long a handler may take to notice that its time is over. */
const LATE_MS = 1_000;

type AnyHandler = (payload: unknown, deps: JobDeps, context: JobContext) => Promise<unknown>;

/**
 * Does one attempt at a job: payload and result are parsed by the job's row, the time is limited by it, log lines carry the
 * trace. Throws JobLater, and MoltbotError: `invalid_request` (never tried again), `deadline_exceeded`, `internal_error` for faults.
 */
export function createRunner(options: RunnerOptions): JobProcessor {
  const { handlers, deps, logger, traces } = options;
  return async (attempt, attemptContext) => {
    const { row, handler } = rowOf(attempt, handlers);
    const payload = row.payload.safeParse(attempt.payload);
    if (!payload.success) {
      const issue = payload.error.issues[0];
      const path = ['payload', ...(issue?.path ?? [])].join('.');
      throw new MoltbotError('invalid_request', `${path}: ${issue?.message ?? 'not valid'}`, { param: path });
    }
    // Most jobs say nothing: a trace and a logger of their own are made for those that do.
    let own: Logger | undefined;
    const ownLogger = (): Logger => {
      own ??= jobLogger(attempt, options);
      return own;
    };
    const work = async (): Promise<unknown> => {
      if (logger.isDebug) ownLogger().debug('job started', { traceparent: attempt.traceparent });
      try {
        const result = await withinLimit(row.timeoutMs, attemptContext, async (limited) =>
          handler(
            payload.data,
            deps,
            new HandlerContext({ attempt, signal: limited, logger: ownLogger, outer: attemptContext }),
          ),
        );
        return parseResult(row, result);
      } catch (error) {
        throw toJobError(error, ownLogger);
      }
    };
    return traces === undefined ? work() : traces.run(attempt, work, codeOf);
  };
}

function jobLogger(attempt: JobAttempt, options: Pick<RunnerOptions, 'logger' | 'randomBytes' | 'traces'>): Logger {
  const { logger, randomBytes, traces } = options;
  const traceId = traces?.traceId ?? childTraceContext(parseTraceparent(attempt.traceparent), { randomBytes }).traceId;
  return logger.child({ job: attempt.name, jobId: attempt.id, attempt: attempt.attempt, traceId });
}

function rowOf(attempt: JobAttempt, handlers: JobHandlers): { row: JobContract; handler: AnyHandler } {
  if (!Object.hasOwn(JOBS, attempt.name)) {
    throw new MoltbotError('invalid_request', 'This version knows no job of this name', { param: 'name' });
  }
  const name = attempt.name as JobName;
  return { row: JOBS[name], handler: handlers[name] as AnyHandler };
}

/** Aborts the work at its limit, and waits for it no longer than a moment more. The work asks for its signal, or does not. */
async function withinLimit<T>(
  limitMs: number,
  outer: { readonly signal: AbortSignal },
  work: (signal: () => AbortSignal) => Promise<T>,
): Promise<T> {
  const aborting = new LateAbort();
  let followed: AbortSignal | undefined;
  const onAbort = (): void => {
    aborting.abort(followed?.reason);
  };
  const signal = (): AbortSignal => {
    if (followed === undefined) {
      followed = outer.signal;
      if (followed.aborted) onAbort();
      else followed.addEventListener('abort', onAbort, { once: true });
    }
    return aborting.signal;
  };
  const late = Promise.withResolvers<never>();
  let over: MoltbotError | undefined;
  let timer = setTimeout(() => {
    const error = new MoltbotError('deadline_exceeded', `The job did not end within ${limitMs} ms`);
    over = error;
    aborting.abort(error);
    timer = setTimeout(late.reject, LATE_MS, error);
  }, limitMs);
  try {
    return await Promise.race([work(signal), late.promise]);
  } catch (error) {
    throw over ?? error;
  } finally {
    clearTimeout(timer);
    followed?.removeEventListener('abort', onAbort);
  }
}

function parseResult(row: JobContract, result: unknown): unknown {
  const parsed = row.result.safeParse(result);
  if (!parsed.success) throw new Error(`the handler's result does not fit its row: ${parsed.error.message}`);
  return parsed.data;
}

/** What a job's span says of its failure. */
function codeOf(error: unknown): string | undefined {
  if (error instanceof JobLater) return undefined;
  return error instanceof MoltbotError ? error.code : 'internal_error';
}

/** What a stranger threw is told to the log only. */
function toJobError(error: unknown, logger: () => Logger): MoltbotError | JobLater {
  if (error instanceof MoltbotError || error instanceof JobLater) return error;
  logger().error('fault in a job', { error });
  return new MoltbotError('internal_error', undefined, { cause: error });
}
