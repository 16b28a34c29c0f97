import { setTimeout as pause } from 'node:timers/promises';
import type { Behaviour, ChainPlan, ModelLoader } from '@moltbot/providers';
import type { DrilledChain } from './drilled-chain.js';
import type { DrillSite, UpstreamCall } from './drill-site.js';
import type { Observation } from './observation.js';
import { isBroken, type PlannedRun } from './planned-run.js';
import { runRequest } from './run-request.js';

/** Goes on exactly where an answer broke off. */
export const HEALTHY: Behaviour = { type: 'continue' };

export interface RunFaultOptions {
  readonly site: DrillSite;
  readonly chain: DrilledChain;
  readonly scale: number;
  readonly run: PlannedRun;
  readonly signal: AbortSignal;
}

/** One request through a chain of its own in which the target is broken. @throws the signal's reason */
export async function runFault({ site, chain, scale, run, signal }: RunFaultOptions): Promise<{
  readonly observation: Observation;
  /** Limits as the drill had them. */
  readonly drilled: ChainPlan['timeouts'];
}> {
  const { row, position, target } = run;
  const { fault } = row;
  const expired = fault.at === 'token' ? new Set(run.broken) : undefined;
  const credentials = chain.credentials.filter(({ id }) => !run.leftOut.includes(id));
  const stand = site.openStand({
    chain: { ...chain, credentials },
    scale,
    behaviour: behaviourOf(run, chain.plan.retryPolicy.max_total_wait / scale),
    addressOf: (provider) =>
      fault.at === 'address' && provider === target.model.provider.name ? fault.address : undefined,
    expired,
    ...(fault.at === 'load' && { loader: loaderOf(target.model.ref) }),
  });
  try {
    const plan = { ...stand.plan, models: stand.plan.models.slice(position) };
    const observation = await runRequest({ ...stand, plan, mode: run.mode, requestId: stand.id, signal });
    return { observation, drilled: plan.timeouts };
  } finally {
    await stand.close();
  }
}

/** One model is not loaded in time, the others need no loading. */
function loaderOf(ref: string): ModelLoader {
  return {
    isReady: (asked) => asked !== ref,
    load: async (_ref, { withinMs, signal }) => {
      await pause(withinMs, undefined, { signal });
      return { outcome: 'later', inMs: withinMs };
    },
  };
}

function behaviourOf(run: PlannedRun, maxTotalWait: number): (call: UpstreamCall) => Behaviour {
  const { fault, once, othersRefusePrefill } = run.row;
  const healthy: Behaviour = othersRefusePrefill === true ? { type: 'refuse-prefill', otherwise: HEALTHY } : HEALTHY;
  let failures = 0;
  return ({ provider, model, credential, renewed }) => {
    const broken = isBroken(run, { provider, upstreamName: model, credential });
    if (!broken || (once === true && failures > 0)) return healthy;
    failures += 1;
    if (fault.at === 'answer') return fault.behaviour({ maxTotalWait, dialect: run.target.model.dialect });
    if (fault.at === 'stale-token' && !renewed) return { type: 'status', status: 401 };
    return healthy;
  };
}
