import type { DrilledChain } from './drilled-chain.js';
import type { DrillFinding, DrillRun } from './report.js';
import { drillRow, DRILL_ROW_IDS, type DrillRowId } from './rows.js';

export interface FindingsOptions {
  readonly chain: DrilledChain;
  readonly runs: readonly DrillRun[];
  /** A caller must not wait longer for an answer. */
  readonly maxWaitMs: number | undefined;
}

/** Longer waits are named, for whoever would rather have them shorter. */
const LONG_WAIT_MS = 60_000;

/** What an operator should know and can change; errors fail the drill. */
export function findingsOf(options: FindingsOptions): readonly DrillFinding[] {
  return [...broken(options), ...shape(options), ...lost(options), ...waits(options), ...notes(options)];
}

function broken({ runs }: FindingsOptions): readonly DrillFinding[] {
  const rows = unique(runs.filter(({ problems }) => problems.length > 0).map(({ row }) => row));
  return rows.length === 0 ? [] : [{ severity: 'error', code: 'promise-broken', about: rows }];
}

/** Single points of failure, and members that can never answer. */
function shape({ chain }: FindingsOptions): readonly DrillFinding[] {
  const { targets, name } = chain;
  const findings: DrillFinding[] = [];
  const ready = targets.filter((target) => target.ready);
  const unready = targets.filter((target) => !target.ready);
  for (const { model } of unready) {
    const change = `# auth.json\n"${model.provider.name}": { "type": "api_key", "key": "…" }`;
    findings.push({ severity: 'error', code: 'not-ready', about: [model.ref], change });
  }
  const [first] = ready;
  if (first === undefined) return findings;
  const fallbacks = `${chainKey(name)}fallbacks: [${[...targets.slice(1).map(({ model }) => model.ref), 'ANOTHER_PROVIDER:MODEL'].join(', ')}]`;
  const providers = unique(ready.map(({ model }) => model.provider.name));
  if (ready.length === 1) {
    findings.push({ severity: 'error', code: 'one-target', about: [first.model.ref], change: fallbacks });
    return findings;
  }
  if (providers.length === 1) {
    findings.push({ severity: 'error', code: 'one-provider', about: providers, change: fallbacks });
    const keys = first.credentials.map(({ id }) => id);
    if (keys.length === 1) findings.push({ severity: 'error', code: 'one-credential', about: keys });
    return findings;
  }
  const addresses = unique(ready.map(({ model }) => new URL(model.provider.baseUrl).host));
  if (addresses.length === 1) {
    findings.push({ severity: 'error', code: 'one-address', about: addresses, change: fallbacks });
  }
  return findings;
}

/** Lines of config.yml as far as a setting of the chain. */
function chainKey(name: string): string {
  return name === 'default' ? 'models:\n  ' : `models:\n  chains:\n    ${name}:\n      `;
}

/** Answers that a caller lost to one fault at the head of the chain, although nothing else was broken. */
function lost({ runs, chain }: FindingsOptions): readonly DrillFinding[] {
  const head = headOf(chain);
  const atHead = runs.filter((run) => run.target === head && isRow(run.row));
  const findings: DrillFinding[] = [];
  const rows = unique(atHead.filter(({ outcome }) => outcome === 'lost').map(({ row }) => row));
  if (rows.length > 0) findings.push({ severity: 'error', code: 'answer-lost', about: rows });
  const late = unique(atHead.filter(({ outcome }) => outcome === 'too-late').map(({ row }) => row));
  if (late.length > 0) {
    const { total, headers, first_content } = chain.plan.timeouts;
    const change = `timeouts:\n  # the deadline of the whole request: ${seconds(total)}\n  total: ${seconds(total * 2)}\n  # or give up sooner on one target\n  headers: ${seconds(headers / 2)}\n  first_content: ${seconds(first_content / 2)}`;
    findings.push({ severity: 'error', code: 'deadline', about: late, change });
  }
  return findings;
}

/** Waits at the head of the chain: the usual way, with one fault. */
function waits({ runs, chain, maxWaitMs }: FindingsOptions): readonly DrillFinding[] {
  const head = headOf(chain);
  const waitsOf = (run: DrillRun): number => Math.max(run.waitMs ?? run.totalMs, run.pauseMs ?? 0);
  const atHead = runs.filter((run) => run.target === head && isRow(run.row));
  const findings: DrillFinding[] = [];
  const beyond = (limit: number) => atHead.filter((run) => waitsOf(run) > limit);
  const tooLong = maxWaitMs === undefined ? [] : beyond(maxWaitMs);
  if (tooLong.length > 0) findings.push(waiting('error', 'waits-too-long', tooLong, waitsOf));
  const long = beyond(LONG_WAIT_MS).filter((run) => !tooLong.includes(run));
  if (long.length > 0) findings.push(waiting('warning', 'long-wait', long, waitsOf));
  return findings;
}

function waiting(
  severity: DrillFinding['severity'],
  code: 'waits-too-long' | 'long-wait',
  runs: readonly DrillRun[],
  waitOf: (run: DrillRun) => number,
): DrillFinding {
  const rows = unique(runs.map(({ row }) => row));
  const limits = unique(
    rows.flatMap((row) => (row === 'slow-answer' ? ['answer'] : isRow(row) ? (drillRow(row).limit ?? []) : [])),
  );
  const change = ['timeouts:', ...limits.map((limit) => `  ${limit}: …`)].join('\n');
  return {
    severity,
    code,
    about: rows,
    waitMs: Math.max(...runs.map(waitOf)),
    ...(limits.length > 0 && { change }),
  };
}

function notes({ chain, runs }: FindingsOptions): readonly DrillFinding[] {
  const { targets, plan, name } = chain;
  const findings: DrillFinding[] = [];
  const head = headOf(chain);
  const told = (row: DrillRowId) =>
    runs.some((run) => run.row === row && run.target === head && run.outcome === 'told');
  if (told('context-too-long')) {
    const windows = targets.map(({ model }) => `${model.ref} ${model.capabilities.contextWindow ?? '?'}`);
    findings.push({ severity: 'note', code: 'no-room', about: windows });
  }
  if (told('content-filter') && plan.policyChain === undefined) {
    findings.push({
      severity: 'note',
      code: 'no-policy-chain',
      about: [name],
      change: `${chainKey(name)}policy_chain: NAME_OF_A_CHAIN`,
    });
  }
  const unpriced = targets.filter(({ model }) => model.price === undefined).map(({ model }) => model);
  const [first] = unpriced;
  if (first !== undefined) {
    const change = `providers:\n  ${first.provider.name}:\n    models:\n      ${first.name}:\n        price: { input: …, output: … }`;
    findings.push({ severity: 'note', code: 'no-price', about: unpriced.map(({ ref }) => ref), change });
  }
  const demo = targets.filter(({ model }) => model.provider.kind === 'demo').map(({ model }) => model.ref);
  if (demo.length > 0) findings.push({ severity: 'warning', code: 'simulated', about: demo });
  return findings;
}

function headOf({ targets }: DrilledChain): string | undefined {
  return targets.find(({ ready }) => ready)?.model.ref;
}

function isRow(row: DrillRun['row']): row is DrillRowId {
  return DRILL_ROW_IDS.some((id) => id === row);
}

function seconds(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)}ms` : `${Math.round(ms / 1_000)}s`;
}

function unique<Value>(values: readonly Value[]): readonly Value[] {
  return [...new Set(values)];
}
