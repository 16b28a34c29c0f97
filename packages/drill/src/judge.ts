import type { ErrorCode } from '@moltbot/contracts';
import { FAILURE_TABLE, type FailureKind, type FailureRow, SCRIPTED_TEXT } from '@moltbot/providers';
import type { DrilledChain } from './drilled-chain.js';
import { isKind } from './moves.js';
import type { Observation } from './observation.js';
import { isAlive, type PlannedRun } from './planned-run.js';
import type { DrillProblem } from './report.js';

/** What docs/failover.md promises for a run. */
export interface Promised {
  readonly answered: boolean;
  /** What its caller is told where there is no answer. */
  readonly codes: readonly ErrorCode[];
  /** How often the broken target is called. */
  readonly leastCalls: number;
  readonly mostCalls: number;
}

export function promisedOf(run: PlannedRun, chain: DrilledChain): Promised {
  const { row, target } = run;
  const payers = Math.max(1, run.broken.length);
  if (row.kind === 'ok') return { answered: true, codes: [], leastCalls: 1, mostCalls: 1 };
  // Of the keys that pay for it, one that is whole.
  const otherKey = run.broken.length > 0 && isAlive(run, target);
  if (row.kind === 'credential_expired' || row.kind === 'model_loading') {
    const answered = otherKey || othersAnswer(run, chain);
    return { answered, codes: [row.kind], leastCalls: 1, mostCalls: payers + target.credentials.length };
  }
  const rule = FAILURE_TABLE[row.kind];
  const { least, most } = repeatsOf(rule, chain);
  // The first call of a renewed token, or after a fault that passes, is a good one.
  const recovers =
    row.fault.at === 'stale-token' ||
    (row.once === true && (rule.sameTarget === 'if-retry-after-fits' ? most : least) > 0);
  const refreshes =
    rule.sameTarget === 'after-refresh' ? target.credentials.filter(({ type }) => type === 'oauth').length : 0;
  const others = otherKey ? target.credentials.length - run.broken.length : 0;
  return {
    answered: recovers || (otherKey && rule.otherCredential !== 'no') || othersAnswer(run, chain),
    codes: codesOf(row.kind, run),
    // A stream that broke is taken on by the next one first.
    leastCalls: row.afterCommit === true || otherKey ? 1 : 1 + least,
    // At the end of the ladder the one that broke is asked once more, on each of its rungs.
    mostCalls: payers * (1 + most) + refreshes + others + (row.afterCommit === true ? RUNGS : 0),
  };
}

const RUNGS = 3;

/** Whether a target behind the broken one takes over. */
function othersAnswer(run: PlannedRun, chain: DrilledChain): boolean {
  const { row, position, target } = run;
  const followers = chain.targets.slice(position + 1).filter((follower) => isAlive(run, follower));
  const rule: Pick<FailureRow, 'next'> = isKind(row.kind) ? FAILURE_TABLE[row.kind] : { next: 'yes' };
  switch (rule.next) {
    case 'no':
      return false;
    case 'yes':
      return followers.length > 0;
    case 'with-room': {
      const refused = target.model.capabilities.contextWindow ?? 0;
      return followers.some(({ model }) => (model.capabilities.contextWindow ?? Number.POSITIVE_INFINITY) > refused);
    }
    case 'policy-chain':
      return chain.plan.policyPlan?.()?.models.some(({ ref }) => ref !== target.model.ref) ?? false;
  }
}

/** How often the same model is asked again with the same key: at least where the budgets are not used up, and at most. */
function repeatsOf(
  rule: FailureRow,
  { plan, settings }: DrilledChain,
): { readonly least: number; readonly most: number } {
  const budget = Math.min(plan.retryPolicy.max_attempts - 1, settings.retry_budget.burst);
  // A breaker that opens sooner ends the repeats.
  const room = Math.max(0, Math.min(budget, Math.ceil(settings.breaker.failures) - 1));
  const { initial_backoff, max_backoff, max_total_wait } = plan.retryPolicy;
  // A wait that the cap of all waits does not allow is not made.
  const waited = Math.min(initial_backoff, max_backoff) <= max_total_wait ? room : 0;
  switch (rule.sameTarget) {
    case 'backoff':
      return { least: Math.min(1, waited), most: budget };
    case 'once':
      return { least: Math.min(1, waited), most: Math.min(1, budget) };
    case 'once-now':
      return { least: Math.min(1, room), most: Math.min(1, budget) };
    case 'if-retry-after-fits':
      return { least: 0, most: budget };
    case 'after-refresh':
    case 'no':
      return { least: 0, most: 0 };
  }
}

function codesOf(kind: FailureKind, { row, mode }: PlannedRun): readonly ErrorCode[] {
  const { code } = FAILURE_TABLE[kind];
  const codes: ErrorCode[] = [code];
  // What a chain names and its provider does not know is the operator's matter.
  if (code === 'model_not_found') codes.push('upstream_error');
  if (row.afterCommit === true && mode === 'stream') codes.push('stream_interrupted');
  return codes;
}

/** Kinds that say the same with other words: an error object in a stream may name its status. */
const ALSO: Readonly<Partial<Record<string, readonly string[]>>> = {
  // Gemini's events always name a status.
  'stream-error': ['server-error'],
  // Content is due before the headers are.
  'response-timeout': ['first-content-late'],
  'stream-malformed': ['stream-cut'],
  reset: ['not-an-answer'],
};

/** What is not as promised. */
export function problemsOf(run: PlannedRun, promised: Promised, observation: Observation): readonly DrillProblem[] {
  const { row, target } = run;
  const { attempts, end, text, finish } = observation;
  const problems: DrillProblem[] = [];
  if (end.type === 'hung') return ['hung'];
  // The deadline of the whole request went before any limit of the target: nothing more is promised.
  if (end.type === 'error' && end.code === 'deadline_exceeded') return finish === undefined ? [] : ['false-end'];
  const [first] = attempts;
  const kind = row.kind === 'ok' ? 'ok' : row.kind;
  if (first?.outcome !== kind && ALSO[kind]?.includes(first?.outcome ?? '') !== true) problems.push('wrong-kind');
  const calls = attempts.filter(
    ({ provider, model }) => provider === target.model.provider.name && model === target.model.name,
  ).length;
  if (calls > promised.mostCalls) problems.push('too-many-calls');
  if (calls < promised.leastCalls) problems.push('not-repeated');
  if (end.type === 'complete') {
    if (!promised.answered) problems.push('answered');
    if (text !== SCRIPTED_TEXT) problems.push('wrong-text');
  } else {
    if (promised.answered) problems.push('not-answered');
    else if (!promised.codes.includes(end.code)) problems.push('wrong-code');
    if (finish !== undefined) problems.push('false-end');
  }
  return problems;
}
