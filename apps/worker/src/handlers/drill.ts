import type { JobResult } from '@moltbot/contracts';
import { type DrillReport, runDrillApart } from '@moltbot/drill';
import type { JobContext, JobDeps, JobHandler } from '../deps.js';

/** Beside what else the machine does. */
const PARALLEL = 2;
/** So many faults between two notes of how far it is. */
const NOTE_EVERY = 25;

/**
 * Breaks the chains on purpose, each in a process of its own (`moltbot drill`). What it finds is its result and its metrics: a chain
 * that would lose answers does not fail the job.
 */
export const drill: JobHandler<'drill'> = async (payload, deps, context) => {
  const settings = deps.settings();
  const names = payload.chain === undefined ? ['default', ...Object.keys(settings.models.chains)] : [payload.chain];
  const chains: JobResult<'drill'>['chains'] = [];
  for (const chain of names) {
    const report = await runDrillApart({
      settings,
      credentials: deps.credentials(),
      chain,
      form: payload.form ?? settings.drill.form,
      maxWaitMs: settings.drill.max_wait,
      parallel: PARALLEL,
      signal: context.signal,
      onProgress: ({ done, of }) => {
        if (done % NOTE_EVERY === 0) void context.progress({ chain, done, of }).catch(() => undefined);
      },
    });
    chains.push(summaryOf(report));
    count(report, deps);
    tell(report, context);
    await keep(report, deps, context);
  }
  return { verdict: chains.every(({ verdict }) => verdict === 'passed') ? 'passed' : 'failed', chains };
};

function summaryOf(report: DrillReport): JobResult<'drill'>['chains'][number] {
  const { chain, verdict, form, counts, durationMs, findings } = report;
  return {
    chain,
    verdict,
    form,
    ...counts,
    durationMs,
    findings: findings.map(({ severity, code, about }) => ({ severity, code, about: [...about] })),
  };
}

function count({ chain, verdict, counts }: DrillReport, { metrics }: JobDeps): void {
  metrics.drillPassed.set({ chain }, verdict === 'passed' ? 1 : 0);
  metrics.drillTime.set({ chain }, Math.round(Date.now() / 1_000));
  metrics.drillFaults.set({ chain, outcome: 'not_as_promised' }, counts.runs - counts.asPromised);
  metrics.drillFaults.set({ chain, outcome: 'answered' }, counts.answered);
  metrics.drillFaults.set({ chain, outcome: 'told' }, counts.told);
  metrics.drillFaults.set({ chain, outcome: 'lost' }, counts.lost);
  metrics.drillFaults.set({ chain, outcome: 'nobody_left' }, counts.nobodyLeft);
}

function tell({ chain, verdict, counts, findings }: DrillReport, { logger }: JobContext): void {
  const errors = findings.filter(({ severity }) => severity === 'error').map(({ code }) => code);
  const fields = { chain, verdict, faults: counts.runs, asPromised: counts.asPromised, lost: counts.lost };
  if (errors.length === 0) logger.info('drill passed', fields);
  else logger.warn('drill failed', { ...fields, findings: errors.join(', ') });
}

/** The whole report, as `moltbot drill --json` prints it; an object store that is away costs no more than this file. */
async function keep(report: DrillReport, deps: JobDeps, { jobId, logger, signal }: JobContext): Promise<void> {
  const name = `drill-${report.chain.toLowerCase().replace(/[^a-z0-9._-]/g, '-')}.json`;
  async function* body(): AsyncIterable<Uint8Array> {
    yield Buffer.from(JSON.stringify(report));
  }
  try {
    await deps.keepArtifact(jobId, { name, contentType: 'application/json', body: body() }, signal);
  } catch (error) {
    signal.throwIfAborted();
    logger.warn('report of the drill not kept', { error });
  }
}
