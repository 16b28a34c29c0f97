import { type Check, type CheckContext, type CheckId, finding, type Observation } from './check.js';

/** What one check said, and how long it took. */
export interface CheckRun {
  readonly id: CheckId;
  readonly observed: readonly Observation[];
  readonly ms: number;
}

export interface RunChecksOptions {
  readonly checks: readonly Check[];
  readonly context: CheckContext;
  readonly signal: AbortSignal;
  /** For each, where it has no limit of its own; 5 s. */
  readonly timeoutMs?: number | undefined;
  /** Called when one begins and when it ends. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

export interface Progress {
  readonly done: number;
  readonly all: number;
  readonly running: readonly CheckId[];
}

const TIMEOUT_MS = 5_000;
const AT_ONCE = 8;

/** All checks, some at a time; one that hangs or fails is told as such, and keeps no other from its answer. */
export async function runChecks(options: RunChecksOptions): Promise<readonly CheckRun[]> {
  const { checks, context, signal, onProgress } = options;
  const runs = new Map<CheckId, CheckRun>();
  const running = new Set<CheckId>();
  const waiting = [...checks];
  const tell = (): void => onProgress?.({ done: runs.size, all: checks.length, running: [...running] });

  async function work(): Promise<void> {
    for (let check = waiting.shift(); check !== undefined; check = waiting.shift()) {
      signal.throwIfAborted();
      running.add(check.id);
      tell();
      runs.set(
        check.id,
        await runOne({ check, context, signal, timeoutMs: check.timeoutMs ?? options.timeoutMs ?? TIMEOUT_MS }),
      );
      running.delete(check.id);
      tell();
    }
  }

  await Promise.all(Array.from({ length: Math.min(AT_ONCE, checks.length) }, work));
  return checks.flatMap(({ id }) => runs.get(id) ?? []);
}

async function runOne(options: {
  readonly check: Check;
  readonly context: CheckContext;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}): Promise<CheckRun> {
  const { check, context, signal, timeoutMs } = options;
  const began = performance.now();
  const limit = new AbortController();
  const late = Promise.withResolvers<readonly Observation[]>();
  const timer = setTimeout(() => {
    const seconds = timeoutMs / 1_000;
    limit.abort();
    late.resolve([finding({ status: 'error', code: 'check-timed-out', facts: { seconds }, evidence: [] })]);
  }, timeoutMs);
  const ended = (): void => late.reject(signal.reason);
  signal.addEventListener('abort', ended, { once: true });
  try {
    const answer = check.run(context, AbortSignal.any([signal, limit.signal]));
    const observed = await Promise.race([answer, late.promise]);
    return { id: check.id, observed, ms: Math.round(performance.now() - began) };
  } catch (error) {
    signal.throwIfAborted();
    const reason = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    const observed = [finding({ status: 'error', code: 'check-failed', facts: { reason }, evidence: [] })];
    return { id: check.id, observed, ms: Math.round(performance.now() - began) };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', ended);
    late.promise.catch(() => undefined);
  }
}
