import type { AttemptRecord } from '@moltbot/contracts';
import type { ChainPlan } from '@moltbot/providers';
import type { Observation } from './observation.js';
import type { DrillMode } from './rows.js';

export interface TimesOptions {
  readonly observation: Observation;
  readonly mode: DrillMode;
  /** With the operator's limits. */
  readonly own: Pick<ChainPlan, 'timeouts' | 'retryPolicy'>;
  /** With those of the drill. */
  readonly drilled: Pick<ChainPlan, 'timeouts'>;
  /** By which waits between calls are shorter in the drill. */
  readonly scale: number;
  readonly repeats: (before: AttemptRecord, after: AttemptRecord) => boolean;
}

export interface Times {
  readonly attemptMs: readonly number[];
  readonly waitMs: number | undefined;
  readonly pauseMs: number | undefined;
  readonly totalMs: number;
}

/** What it would have taken with the operator's limits: each limit that ran out, and each wait, at its full length. */
export function timesOf(options: TimesOptions): Times {
  const { attempts, end, durationMs } = options.observation;
  const attemptMs = attempts.map((attempt) => Math.round(attempt.durationMs + missing(attempt, options)));
  const waits = attempts.map((attempt, index) => waitBefore(attempts[index - 1], attempt, options));
  const committed = attempts.findIndex(({ firstContentMs }) => firstContentMs !== undefined);
  const before = committed === -1 ? attempts : attempts.slice(0, committed);
  const untilCommit = sum(before.map((_, index) => (attemptMs[index] ?? 0) + (waits[index] ?? 0)));
  const totalMs = Math.max(durationMs, sum(attemptMs) + sum(waits));
  return {
    attemptMs,
    waitMs: waitOf({ ...options, committed, untilCommit, waits, totalMs, answered: end.type === 'complete' }),
    pauseMs: committed === -1 ? undefined : pauseOf({ ...options, committed, waits, attemptMs }),
    totalMs: Math.round(totalMs),
  };
}

function waitOf(
  parts: TimesOptions & {
    readonly committed: number;
    readonly untilCommit: number;
    readonly waits: readonly number[];
    readonly totalMs: number;
    readonly answered: boolean;
  },
): number | undefined {
  const { committed, mode, untilCommit, waits, totalMs, answered, observation } = parts;
  if (mode === 'whole') return answered ? Math.round(totalMs) : undefined;
  if (committed === -1) return undefined;
  return Math.round(untilCommit + (waits[committed] ?? 0) + (observation.attempts[committed]?.firstContentMs ?? 0));
}

/** The silence between the break and what followed: up to the end, where nothing did. */
function pauseOf({
  observation,
  own,
  committed,
  waits,
  attemptMs,
}: TimesOptions & {
  readonly committed: number;
  readonly waits: readonly number[];
  readonly attemptMs: readonly number[];
}): number | undefined {
  const { attempts, end } = observation;
  const stalled = attempts[committed]?.outcome === 'stream-stalled';
  if (attempts.length <= committed + 1 && !stalled) return undefined;
  let pause = stalled ? own.timeouts.gap : 0;
  for (let index = committed + 1; index < attempts.length; index += 1) {
    const wentOn = end.type === 'complete' && index === attempts.length - 1;
    const first = wentOn ? attempts[index]?.firstContentMs : undefined;
    pause += (waits[index] ?? 0) + (first ?? attemptMs[index] ?? 0);
  }
  return Math.round(pause);
}

/** How much longer the limit is that ended an attempt. */
function missing({ outcome, status }: AttemptRecord, { own, drilled, mode }: TimesOptions): number {
  const limit = limitOf(outcome, mode);
  // A status came: no limit ran out.
  if (limit === undefined || status !== undefined) {
    return outcome === 'first-content-late' || outcome === 'stream-stalled' ? lacking(limit, own, drilled) : 0;
  }
  return lacking(limit, own, drilled);
}

function lacking(
  limit: keyof ChainPlan['timeouts'] | undefined,
  own: TimesOptions['own'],
  drilled: TimesOptions['drilled'],
): number {
  return limit === undefined ? 0 : Math.max(0, own.timeouts[limit] - drilled.timeouts[limit]);
}

function limitOf(outcome: string, mode: DrillMode): keyof ChainPlan['timeouts'] | undefined {
  switch (outcome) {
    case 'connect-timeout':
      return 'connect';
    case 'response-timeout':
      return mode === 'stream' ? 'headers' : 'answer';
    case 'first-content-late':
    case 'model_loading':
      return 'first_content';
    case 'stream-stalled':
      return 'gap';
    default:
      return undefined;
  }
}

/** A wait that was made on purpose at its full length; what the machine took besides as it was. */
function waitBefore(before: AttemptRecord | undefined, after: AttemptRecord, options: TimesOptions): number {
  if (before === undefined) return 0;
  const measured = Math.max(0, after.startedAt - before.startedAt - before.durationMs);
  if (!options.repeats(before, after)) return measured;
  return Math.min(measured * options.scale, options.own.retryPolicy.max_total_wait);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
