import type { Credential } from '@moltbot/auth';
import type { Settings } from '@moltbot/config';
import { MoltbotError } from '@moltbot/contracts';
import { type DrilledChain, readChain } from './drilled-chain.js';
import { type DrillSite, openDrillSite } from './drill-site.js';
import { scaleOf } from './drill-settings.js';
import { findingsOf } from './findings.js';
import { problemsOf, promisedOf } from './judge.js';
import { type PlannedRun, planRuns } from './planned-run.js';
import { DRILL_SITUATIONS, type DrillReport, type DrillRun, type DrillSituation, type DrillTarget } from './report.js';
import { DRILL_ROW_IDS, drillRow, type DrillRowId } from './rows.js';
import { runFault } from './run-fault.js';
import { runSituation } from './situations.js';
import { toRun } from './to-run.js';

export interface RunDrillOptions {
  readonly settings: Settings;
  /** The operator's credentials: names, providers and types. No secret is wanted, and none is sent anywhere. */
  readonly credentials: readonly Credential[];
  /** Default: `default`. */
  readonly chain?: string | undefined;
  /** Default: `full`. */
  readonly form?: DrillReport['form'] | undefined;
  /** Default: every row of the form. */
  readonly rows?: readonly (DrillRowId | DrillSituation)[] | undefined;
  /** `provider:model`; default: every target of the chain. */
  readonly targets?: readonly string[] | undefined;
  /** A caller must not wait longer; default: the deadline of the request alone. */
  readonly maxWaitMs?: number | undefined;
  /** Runs at the same time; 6. */
  readonly parallel?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** After each run. */
  readonly onRun?: ((progress: DrillProgress) => void) | undefined;
}

export interface DrillProgress {
  readonly done: number;
  readonly of: number;
  readonly run: DrillRun;
}

const PARALLEL = 6;

type Task = { readonly situation: DrillSituation } | { readonly planned: PlannedRun };

/**
 * Breaks the chain on purpose, one fault at a time, in an engine and against upstreams of its own on loopback sockets: no server
 * has to run, no key is used, nothing is written down.
 * @throws MoltbotError `model_not_found` (chain or target), `config_invalid`; the signal's reason
 */
export async function runDrill(options: RunDrillOptions): Promise<DrillReport> {
  const { settings, credentials, form = 'full', signal = new AbortController().signal, parallel = PARALLEL } = options;
  const started = performance.now();
  const chain = readChain({ settings, credentials, chain: options.chain ?? 'default' });
  const scale = scaleOf(chain.plan, form);
  const { tasks, skipped } = tasksOf(chain, options, form);
  const runs: DrillRun[] = [];
  const moreSkipped = [...skipped];
  const site = await openDrillSite();
  try {
    const queue = [...tasks];
    let done = 0;
    const lane = async (): Promise<void> => {
      for (let task = queue.shift(); task !== undefined; task = queue.shift()) {
        signal.throwIfAborted();
        const outcome = await perform(task, { site, chain, scale, signal });
        done += 1;
        if ('skipped' in outcome) {
          if ('situation' in task) moreSkipped.push({ row: task.situation, target: '', why: outcome.skipped });
          continue;
        }
        runs.push(outcome.run);
        options.onRun?.({ done, of: tasks.length, run: outcome.run });
      }
    };
    await Promise.all(Array.from({ length: Math.min(parallel, tasks.length) }, lane));
  } finally {
    await site.close();
  }
  const ordered = inOrder(runs, chain);
  const findings = findingsOf({ chain, runs: ordered, maxWaitMs: options.maxWaitMs });
  return {
    verdict: findings.some(({ severity }) => severity === 'error') ? 'failed' : 'passed',
    chain: chain.name,
    form,
    scale,
    durationMs: Math.round(performance.now() - started),
    targets: chain.targets.map(toTarget),
    counts: {
      runs: runs.length,
      asPromised: runs.filter(({ problems }) => problems.length === 0).length,
      answered: runs.filter(({ outcome }) => outcome === 'answered').length,
      told: runs.filter(({ outcome }) => outcome === 'told').length,
      lost: runs.filter(({ outcome }) => outcome === 'lost' || outcome === 'too-late').length,
      nobodyLeft: runs.filter(({ outcome }) => outcome === 'nobody-left').length,
    },
    runs: ordered,
    skipped: moreSkipped,
    findings,
  };
}

interface Place {
  readonly site: DrillSite;
  readonly chain: DrilledChain;
  readonly scale: number;
  readonly signal: AbortSignal;
}

async function perform(task: Task, place: Place): Promise<Awaited<ReturnType<typeof runSituation>>> {
  const once = async (): ReturnType<typeof runSituation> =>
    'situation' in task ? await runSituation(task.situation, place) : { run: await runPlanned(task.planned, place) };
  const outcome = await once();
  // A machine that was busy for a moment looks like a slow upstream: what is not as promised has to be so twice.
  return 'run' in outcome && outcome.run.problems.length > 0 ? await once() : outcome;
}

async function runPlanned(planned: PlannedRun, { site, chain, scale, signal }: Place): Promise<DrillRun> {
  const { observation, drilled } = await runFault({ site, chain, scale, run: planned, signal });
  const promised = promisedOf(planned, chain);
  return toRun({
    row: planned.id,
    target: planned.target.model.ref,
    credentials: planned.credentials,
    mode: planned.mode,
    observation,
    problems: problemsOf(planned, promised, observation),
    isLast: planned.position > 0 && !promised.answered,
    chain,
    scale,
    drilled,
  });
}

function tasksOf(chain: DrilledChain, { rows, targets }: RunDrillOptions, form: DrillReport['form']) {
  const unknown = targets?.find((name) => !chain.targets.some(({ model }) => model.ref === name));
  if (unknown !== undefined) {
    const known = chain.targets.map(({ model }) => model.ref).join(', ');
    throw new MoltbotError('model_not_found', `\`${unknown}\` is not in the chain ${chain.name}: ${known}`);
  }
  const quick = form === 'quick';
  const head = chain.targets.findIndex(({ ready }) => ready);
  const wanted = (id: DrillRowId | DrillSituation): boolean =>
    rows === undefined
      ? !quick || (isRow(id) ? drillRow(id).quick === true : id === 'everything-down')
      : rows.includes(id);
  const skipped: DrillReport['skipped'][number][] = [];
  const tasks: Task[] = DRILL_SITUATIONS.filter((situation) => wanted(situation) && targets === undefined).map(
    (situation) => ({
      situation,
    }),
  );
  for (const [position, target] of chain.targets.entries()) {
    const { ref } = target.model;
    if (targets !== undefined && !targets.includes(ref)) continue;
    for (const id of DRILL_ROW_IDS.filter(wanted)) {
      // Limits take their time: the short form lets them run out at the head of the chain only.
      if (quick && rows === undefined && drillRow(id).limit !== undefined && position !== head) continue;
      const outcome = planRuns({ id, chain, position });
      if ('skipped' in outcome) skipped.push({ row: id, target: ref, why: outcome.skipped });
      else tasks.push(...outcome.planned.map((planned) => ({ planned })));
    }
  }
  // The slowest first, so that none is left at the end.
  const slowness = (task: Task): number =>
    'planned' in task && (task.planned.id === 'slow-answer' || task.planned.row.limit !== undefined) ? 1 : 0;
  return { tasks: tasks.toSorted((first, second) => slowness(second) - slowness(first)), skipped };
}

/** As in the table, target by target. */
function inOrder(runs: readonly DrillRun[], chain: DrilledChain): readonly DrillRun[] {
  const rows: readonly string[] = [...DRILL_ROW_IDS, ...DRILL_SITUATIONS];
  const targets = chain.targets.map(({ model }) => model.ref);
  const rank = ({ row, target, credentials, mode }: DrillRun): readonly number[] => [
    isRow(row) ? targets.indexOf(target) : targets.length,
    rows.indexOf(row),
    credentials === 'all' ? 1 : 0,
    mode === 'stream' ? 0 : 1,
  ];
  return runs.toSorted((first, second) => {
    const left = rank(first);
    const right = rank(second);
    const at = left.findIndex((value, index) => value !== right[index]);
    return (left[at] ?? 0) - (right[at] ?? 0);
  });
}

function isRow(id: DrillRowId | DrillSituation): id is DrillRowId {
  return DRILL_ROW_IDS.some((row) => row === id);
}

function toTarget({ model, credentials, ready }: DrilledChain['targets'][number]): DrillTarget {
  return {
    target: model.ref,
    provider: model.provider.name,
    dialect: model.dialect,
    credentials: credentials.map(({ id }) => id),
    ready,
  };
}
