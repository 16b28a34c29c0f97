import { describe, expect, it } from '@jest/globals';
import { MoltbotError } from '@moltbot/contracts';
import { createMetrics } from '@moltbot/observability';
import { createReadiness, type Phase } from './readiness.js';

const COUNTS = { default: { waiting: 3, active: 1, delayed: 0, completed: 7, failed: 2 } };

function scene() {
  const state = { phase: 'working' as Phase, now: 0, asked: 0, away: false };
  const metrics = createMetrics({ role: 'worker', version: '1' });
  const readiness = createReadiness({
    phase: () => state.phase,
    active: () => 1,
    counts: async () => {
      state.asked += 1;
      if (state.away) throw new MoltbotError('queue_unavailable');
      return COUNTS;
    },
    ages: async () => ({ default: 1_500 }),
    metrics,
    elapsed: () => state.now,
  });
  return { state, metrics, readiness };
}

describe('a worker’s readiness', () => {
  it('is there while it takes jobs from a queue that answers', async () => {
    const { state, readiness } = scene();
    expect(await readiness.ready()).toMatchObject({ ok: true, phase: 'working', activeJobs: 1 });
    state.now += 2_000;
    state.away = true;
    expect(await readiness.ready()).toEqual({
      ok: false,
      role: 'worker',
      phase: 'working',
      queue: 'queue_unavailable',
    });
    state.now += 2_000;
    state.away = false;
    expect(await readiness.ready()).toMatchObject({ ok: true });
    for (const phase of ['starting', 'draining'] as const) {
      state.phase = phase;
      expect(await readiness.ready()).toMatchObject({ ok: false, phase });
      expect(readiness.health()).toMatchObject({ ok: true, phase });
    }
  });

  it('asks the queue no more than once a second, however many probes and scrapes come', async () => {
    const { state, readiness, metrics } = scene();
    await Promise.all([readiness.ready(), readiness.ready(), readiness.refresh()]);
    expect(state.asked).toBe(1);
    expect(await metrics.render()).toContain('moltbot_queue_jobs{queue="default",state="waiting"} 3');
    expect(await metrics.render()).toContain('moltbot_queue_oldest_waiting_seconds{queue="default"} 1.5');
    state.now += 1_000;
    await readiness.ready();
    expect(state.asked).toBe(2);
    metrics.close();
  });
});
