import { LOCAL_PROVIDER } from '@moltbot/contracts';
import type { ChainTarget, DrilledChain } from './drilled-chain.js';
import type { DrillSkip } from './report.js';
import { type DrillMode, type DrillRow, drillRow, type DrillRowId } from './rows.js';

/** One fault at one target, for one caller. */
export interface PlannedRun {
  readonly id: DrillRowId;
  readonly row: DrillRow;
  readonly mode: DrillMode;
  /** In the chain; the request begins here. */
  readonly position: number;
  readonly target: ChainTarget;
  /** Ids of the credentials that are broken; of none where all that call the model are. */
  readonly broken: readonly string[];
  /** Where there are several. */
  readonly credentials: 'first' | 'all' | undefined;
  /** Not in this run: keys that would pay before the account whose token is broken. */
  readonly leftOut: readonly string[];
}

export type PlanOutcome = { readonly planned: readonly PlannedRun[] } | { readonly skipped: DrillSkip };

/** The runs of a row at a target, or why it means nothing there. */
export function planRuns(options: {
  readonly id: DrillRowId;
  readonly chain: DrilledChain;
  readonly position: number;
}): PlanOutcome {
  const { id, chain, position } = options;
  const row = drillRow(id);
  const target = chain.targets[position];
  if (target === undefined) return { planned: [] };
  if (!target.ready) return { skipped: 'not-ready' };
  if (row.onlyIn !== undefined && !row.onlyIn.includes(target.model.dialect)) return { skipped: 'no-code' };
  if (row.fault.at === 'load' && target.model.provider.name !== LOCAL_PROVIDER) return { skipped: 'not-local' };
  if (row.othersRefusePrefill === true) {
    const followers = chain.targets.slice(position + 1);
    if (followers.length === 0) return { skipped: 'last-target' };
    if (!followers.some(({ model }) => model.capabilities.prefill)) return { skipped: 'no-prefill' };
  }
  const accounts = row.fault.at === 'token' || row.fault.at === 'stale-token';
  if (row.scope === 'credential' && target.credentials.length === 0) return { skipped: 'no-key' };
  const begin = accounts ? target.credentials.findIndex(({ type }) => type === 'oauth') : 0;
  if (begin === -1) return { skipped: 'no-account' };
  const leftOut = target.credentials.slice(0, begin).map((credential) => credential.id);
  const paying = target.credentials.slice(begin);
  const all = paying.filter(({ type }) => !accounts || type === 'oauth').map((credential) => credential.id);
  const keyed = row.scope === 'credential' || row.scope === 'model-credential';
  const variants: readonly Pick<PlannedRun, 'broken' | 'credentials'>[] =
    keyed && paying.length > 1
      ? [
          { broken: all.slice(0, 1), credentials: 'first' },
          { broken: all, credentials: 'all' },
        ]
      : [{ broken: keyed ? all : [], credentials: undefined }];
  return {
    planned: row.modes.flatMap((mode) =>
      variants.map((variant) => ({ id, row, mode, position, target, leftOut, ...variant })),
    ),
  };
}

/** Whether a call to this model with this credential meets the fault. */
export function isBroken(
  run: PlannedRun,
  call: { readonly provider: string; readonly upstreamName: string; readonly credential: string | undefined },
): boolean {
  const { row, target, broken } = run;
  const sameProvider = call.provider === target.model.provider.name;
  const sameModel = sameProvider && call.upstreamName === target.model.upstreamName;
  const sameKey = call.credential === undefined || broken.includes(call.credential);
  switch (row.scope) {
    case 'provider':
      return sameProvider;
    case 'credential':
      return sameProvider && sameKey;
    case 'model-credential':
      return sameModel && sameKey;
    case 'model':
      return sameModel;
  }
}

/** Whether a model of the chain can still answer: somebody pays for it, and not every way to it is broken. */
export function isAlive(run: PlannedRun, target: ChainTarget): boolean {
  if (!target.ready) return false;
  const { provider, upstreamName } = target.model;
  const payers = target.credentials.map(({ id }) => id).filter((id) => !run.leftOut.includes(id));
  return (payers.length === 0 ? [undefined] : payers).some(
    (credential) => !isBroken(run, { provider: provider.name, upstreamName, credential }),
  );
}
