import type { HealthReport, Metrics } from '@moltbot/observability';
import type { JobCounts } from '@moltbot/queue';

/** Starts in `starting`, then takes jobs, then drains. */
export type Phase = 'starting' | 'working' | 'draining';

export interface ReadinessOptions {
  readonly phase: () => Phase;
  readonly active: () => number;
  /** Asks the queue's server. */
  readonly counts: () => Promise<Readonly<Record<string, JobCounts>>>;
  /** For how many ms the next job of each queue has been due. */
  readonly ages: () => Promise<Readonly<Record<string, number>>>;
  readonly metrics: Metrics;
  /** Milliseconds that only grow. */
  readonly elapsed: () => number;
}

export interface Readiness {
  health(): HealthReport;
  ready(): Promise<HealthReport>;
  /** Sets the gauges of the queues. */
  refresh(): Promise<void>;
}

/** One question to the queue serves every probe and scrape within this. */
const FRESH_MS = 1_000;

/** What `/health` and `/ready` of a worker say: alive is who answers, ready is who takes jobs from a queue that answers. */
export function createReadiness({ phase, active, counts, ages, metrics, elapsed }: ReadinessOptions): Readiness {
  let last: { readonly at: number; readonly counts: ReturnType<typeof counts> } | undefined;

  async function freshCounts(): ReturnType<typeof counts> {
    const at = elapsed();
    if (last === undefined || at - last.at >= FRESH_MS) last = { at, counts: counts() };
    return last.counts;
  }

  return {
    health: () => ({ ok: true, role: 'worker', phase: phase(), activeJobs: active() }),
    ready: async () => {
      const now = phase();
      if (now !== 'working') return { ok: false, role: 'worker', phase: now };
      try {
        await freshCounts();
        return { ok: true, role: 'worker', phase: now, activeJobs: active() };
      } catch {
        return { ok: false, role: 'worker', phase: now, queue: 'queue_unavailable' };
      }
    },
    refresh: async () => {
      if (phase() === 'starting') return;
      for (const [queue, ageMs] of Object.entries(await ages())) metrics.queueOldest.set({ queue }, ageMs / 1_000);
      for (const [queue, states] of Object.entries(await freshCounts())) {
        for (const [state, count] of Object.entries(states)) metrics.queueJobs.set({ queue, state }, count);
      }
    },
  };
}
