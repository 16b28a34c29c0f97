import type { AttemptRecord } from '@moltbot/contracts';
import { FAILURE_TABLE, type FailureKind } from '@moltbot/providers';
import type { Observation } from './observation.js';
import type { DrillMove } from './report.js';

/** What was done, from one call to the next and at the end. */
export function movesOf({ attempts, end }: Observation): readonly DrillMove[] {
  const moves: DrillMove[] = [];
  for (const [index, attempt] of attempts.entries()) {
    const before = attempts[index - 1];
    if (before !== undefined) moves.push(moveBetween(before, attempt));
  }
  if (end.type === 'error') {
    const kind = attempts.at(-1)?.outcome;
    if (end.begun) moves.push('honest-end');
    else moves.push(isKind(kind) && FAILURE_TABLE[kind].passedOn ? 'passed-on' : 'gave-up');
  }
  if (end.type === 'hung') moves.push('gave-up');
  return moves.length === 0 ? ['none'] : moves;
}

/** Whether a wait was made on purpose before the second call. */
export function isRepeat(before: AttemptRecord, after: AttemptRecord): boolean {
  const kind = before.outcome;
  if (!isSameTarget(before, after) || !isKind(kind)) return false;
  const { sameTarget } = FAILURE_TABLE[kind];
  return sameTarget === 'backoff' || sameTarget === 'once' || sameTarget === 'if-retry-after-fits';
}

function moveBetween(before: AttemptRecord, after: AttemptRecord): DrillMove {
  if (after.role !== 'answer') return after.role;
  if (before.provider !== after.provider || before.model !== after.model) return 'next-target';
  if (before.credential !== after.credential) return 'other-credential';
  return before.outcome === 'credential-rejected' ? 'refreshed' : 'same-target';
}

function isSameTarget(before: AttemptRecord, after: AttemptRecord): boolean {
  return before.provider === after.provider && before.model === after.model && before.credential === after.credential;
}

export function isKind(text: string | undefined): text is FailureKind {
  return text !== undefined && Object.hasOwn(FAILURE_TABLE, text);
}
