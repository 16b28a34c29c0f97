import { setTimeout as pause } from 'node:timers/promises';
import type { AttemptRecord } from '@moltbot/contracts';
import { type RecordedRequest, SCRIPTED_TEXT } from '@moltbot/providers';
import type { DrilledChain } from './drilled-chain.js';
import type { DrillSite } from './drill-site.js';
import type { Observation } from './observation.js';
import type { DrillProblem, DrillRun, DrillSituation, DrillSkip } from './report.js';
import { HEALTHY } from './run-fault.js';
import { runRequest } from './run-request.js';
import { toRun } from './to-run.js';

export interface SituationOptions {
  readonly site: DrillSite;
  readonly chain: DrilledChain;
  readonly scale: number;
  readonly signal: AbortSignal;
}

export type SituationOutcome = { readonly run: DrillRun } | { readonly skipped: DrillSkip };

/** Situations that no single fault makes. @throws the signal's reason */
export async function runSituation(situation: DrillSituation, options: SituationOptions): Promise<SituationOutcome> {
  if (!options.chain.targets.some(({ ready }) => ready)) return { skipped: 'not-ready' };
  switch (situation) {
    case 'outage':
      return await outage(options);
    case 'everything-down':
      return await everythingDown(options);
    case 'caller-gone':
      return await callerGone(options);
  }
}

/** More requests than it takes to open the breaker. */
const REQUESTS_BESIDES = 5;
const MOST_FAILURES = 20;

/** The first target stays away over many requests: all are answered, and it is left alone. */
async function outage(options: SituationOptions): Promise<SituationOutcome> {
  const { site, chain, scale, signal } = options;
  const first = chain.targets.find(({ ready }) => ready);
  if (first === undefined || chain.targets.filter(({ ready }) => ready).length < 2) return { skipped: 'last-target' };
  const failures = Math.ceil(chain.settings.breaker.failures);
  if (failures > MOST_FAILURES) return { skipped: 'breaker-too-patient' };
  const { model } = first;
  let opened: number | undefined;
  let calls = 0;
  const stand = site.openStand({
    chain,
    scale,
    behaviour: (call) => {
      if (call.provider !== model.provider.name || call.model !== model.upstreamName) return HEALTHY;
      if (opened !== undefined) calls += 1;
      return { type: 'status', status: 503 };
    },
    observer: {
      breaker: ({ target, state }) => {
        if (target === model.ref && state === 'open') opened ??= performance.now();
      },
    },
  });
  const problems = new Set<DrillProblem>();
  let observation: Observation | undefined;
  let from = 0;
  try {
    for (let turn = 0; turn < failures + REQUESTS_BESIDES; turn += 1) {
      from = stand.attempts.length;
      const attempts: AttemptRecord[] = stand.attempts;
      observation = await runRequest({ ...stand, attempts, mode: 'whole', requestId: `${stand.id}-${turn}`, signal });
      if (observation.end.type !== 'complete' || observation.text !== SCRIPTED_TEXT) problems.add('not-answered');
    }
    const openFor = Math.max(1, chain.settings.breaker.open_for / scale);
    const allowed = 1 + (opened === undefined ? 0 : Math.ceil((performance.now() - opened) / openFor));
    if (opened === undefined) problems.add('wrong-kind');
    if (calls > allowed) problems.add('dead-calls');
  } finally {
    await stand.close();
  }
  if (observation === undefined) return { skipped: 'not-ready' };
  const last: Observation = { ...observation, attempts: stand.attempts.slice(from) };
  return {
    run: described({
      situation: 'outage',
      options,
      observation: last,
      problems,
      target: model.ref,
      mode: 'whole',
      drilled: stand.plan.timeouts,
    }),
  };
}

/** Every target is overloaded: an honest error, in time, and no more calls than the budgets allow. */
async function everythingDown(options: SituationOptions): Promise<SituationOutcome> {
  const { site, chain, scale, signal } = options;
  const stand = site.openStand({ chain, scale, behaviour: () => ({ type: 'status', status: 503 }) });
  try {
    const observation = await runRequest({ ...stand, mode: 'stream', requestId: stand.id, signal });
    const { end, attempts } = observation;
    const problems = new Set<DrillProblem>();
    if (end.type === 'hung') problems.add('hung');
    if (end.type === 'complete') problems.add('answered');
    if (end.type === 'error' && end.code !== 'upstream_overloaded' && end.code !== 'deadline_exceeded')
      problems.add('wrong-code');
    const ready = chain.targets.filter((target) => target.ready);
    // Each target once, and the repeats of one request.
    if (attempts.length > ready.length + chain.plan.retryPolicy.max_attempts - 1) problems.add('too-many-calls');
    return {
      run: described({
        situation: 'everything-down',
        options,
        observation,
        problems,
        target: ready[0]?.model.ref ?? '',
        mode: 'stream',
        drilled: stand.plan.timeouts,
      }),
    };
  } finally {
    await stand.close();
  }
}

const CANCELLED_WITHIN_MS = 1_000;
const LOOK_EVERY_MS = 10;
const LEAVES_AFTER_MS = 500;

/** The caller leaves in the middle of a stream: the upstream is told within a second, and nobody else is asked. */
async function callerGone(options: SituationOptions): Promise<SituationOutcome> {
  const { site, chain, scale, signal } = options;
  const requests: RecordedRequest[] = [];
  const stand = site.openStand({
    chain,
    scale,
    behaviour: ({ request }) => {
      requests.push(request);
      return { type: 'answer', intervalMs: 50 };
    },
  });
  const left = new AbortController();
  const leave = setTimeout(() => left.abort(), Math.min(LEAVES_AFTER_MS, stand.plan.timeouts.total / 2));
  try {
    const observation = await runRequest({ ...stand, mode: 'stream', requestId: stand.id, signal, gone: left.signal });
    const problems = new Set<DrillProblem>();
    const until = performance.now() + CANCELLED_WITHIN_MS;
    const closed = (): boolean => requests.every(({ closedByClientAt }) => closedByClientAt !== undefined);
    while (!closed() && performance.now() < until) await pause(LOOK_EVERY_MS, undefined, { signal });
    if (!closed()) problems.add('not-cancelled');
    if (requests.length !== 1) problems.add('too-many-calls');
    if (observation.end.type !== 'error' || observation.end.code !== 'client_closed') problems.add('wrong-code');
    const target = chain.targets.find(({ ready }) => ready)?.model.ref ?? '';
    return {
      run: described({
        situation: 'caller-gone',
        options,
        observation,
        problems,
        target,
        mode: 'stream',
        drilled: stand.plan.timeouts,
      }),
    };
  } finally {
    clearTimeout(leave);
    await stand.close();
  }
}

function described(parts: {
  readonly situation: DrillSituation;
  readonly options: SituationOptions;
  readonly observation: Observation;
  readonly problems: ReadonlySet<DrillProblem>;
  readonly target: string;
  readonly mode: 'stream' | 'whole';
  readonly drilled: DrilledChain['plan']['timeouts'];
}): DrillRun {
  const { situation, options, observation, problems, target, mode, drilled } = parts;
  const { chain, scale } = options;
  return toRun({
    row: situation,
    target,
    mode,
    observation,
    problems: [...problems],
    chain,
    scale,
    drilled,
    isLast: true,
  });
}
