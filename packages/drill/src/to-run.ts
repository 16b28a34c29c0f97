import type { AttemptRecord } from '@moltbot/contracts';
import { FAILURE_TABLE } from '@moltbot/providers';
import type { DrilledChain } from './drilled-chain.js';
import { isRepeat, movesOf, isKind } from './moves.js';
import type { Observation } from './observation.js';
import type { DrillAttempt, DrillProblem, DrillRun } from './report.js';
import type { DrillMode } from './rows.js';
import { timesOf } from './times.js';
import type { ChainPlan } from '@moltbot/providers';

export interface ToRunOptions extends Pick<DrillRun, 'row' | 'target'> {
  readonly credentials?: DrillRun['credentials'] | undefined;
  readonly mode: DrillMode;
  readonly observation: Observation;
  readonly problems: readonly DrillProblem[];
  readonly chain: DrilledChain;
  readonly scale: number;
  readonly drilled: ChainPlan['timeouts'];
  /** Nothing that could answer stands behind what is broken, and others have been passed before. */
  readonly isLast: boolean;
}

/** What its caller would have seen. */
export function toRun(options: ToRunOptions): DrillRun {
  const { row, target, credentials, mode, observation, problems, chain, scale, drilled } = options;
  const { attempts, end } = observation;
  const times = timesOf({
    observation,
    mode,
    own: chain.plan,
    drilled: { timeouts: drilled },
    scale,
    repeats: isRepeat,
  });
  const spent = costOf(attempts);
  const answerCost = end.type === 'complete' && spent !== undefined ? end.costMicros : undefined;
  return {
    row,
    target,
    ...(credentials && { credentials }),
    mode,
    outcome: outcomeOf(options),
    ...(end.type === 'complete' && { answeredBy: end.answeredBy }),
    ...(end.type === 'error' && { code: end.code }),
    ...(times.waitMs !== undefined && { waitMs: times.waitMs }),
    ...(times.pauseMs !== undefined && { pauseMs: times.pauseMs }),
    totalMs: times.totalMs,
    calls: attempts.length,
    attempts: attempts.map((attempt, index) => toAttempt(attempt, times.attemptMs[index] ?? attempt.durationMs)),
    moves: movesOf(observation),
    ...(answerCost !== undefined && { costMicros: answerCost }),
    ...(spent !== undefined && { wastedMicros: Math.max(0, spent - (answerCost ?? 0)) }),
    problems,
  };
}

function outcomeOf({ observation: { end, attempts }, isLast }: ToRunOptions): DrillRun['outcome'] {
  if (end.type === 'complete') return 'answered';
  if (end.type === 'hung') return 'too-late';
  if (end.code === 'deadline_exceeded') return 'too-late';
  const kind = attempts[0]?.outcome;
  return isKind(kind) && FAILURE_TABLE[kind].passedOn ? 'told' : isLast ? 'nobody-left' : 'lost';
}

function toAttempt(attempt: AttemptRecord, ms: number): DrillAttempt {
  const { provider, model, credential, outcome, status } = attempt;
  return { target: `${provider}:${model}`, credential, outcome, ...(status !== undefined && { status }), ms };
}

/** Unknown as soon as one call that was counted has no price. */
function costOf(attempts: readonly AttemptRecord[]): number | undefined {
  const counted = attempts.filter(({ usage }) => usage !== undefined);
  if (counted.length === 0 || counted.some(({ costMicros }) => costMicros === undefined)) return undefined;
  return counted.reduce((total, { costMicros = 0 }) => total + costMicros, 0);
}
