import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { MetricRow } from './metric-row.js';
import { METRICS } from './metric-table.js';
import { createMetrics, type Metrics } from './metrics.js';
import { metricsReferenceMarkdown } from './metrics-reference.js';

let metrics: Metrics;

beforeEach(() => {
  metrics = createMetrics({ role: 'primary', version: '1.2.3', limits: { maxValues: 3, maxSeries: 5 } });
});

afterEach(() => {
  metrics.close();
});

async function lines(name: string): Promise<string[]> {
  return (await metrics.render()).split('\n').filter((line) => line.startsWith(name));
}

describe('metrics', () => {
  it('says nothing of what a process has not, until it is told: no worker is out of repeats because it waits', async () => {
    const of = /^moltbot_(retry_budget_remaining|quotas_shared|requests_in_flight) /;
    const told = async () => (await metrics.render()).split('\n').filter((line) => of.test(line));
    expect(await told()).toEqual(['moltbot_requests_in_flight 0']);
    metrics.quotasShared.set(0);
    expect(await told()).toEqual(['moltbot_requests_in_flight 0', 'moltbot_quotas_shared 0']);
  });

  it('render every row of the table with its type, and the metrics of the process', async () => {
    const text = await metrics.render();
    for (const row of Object.values<MetricRow>(METRICS)) {
      expect(text).toContain(`# HELP ${row.name} ${row.help}\n`);
      expect(text).toContain(`# TYPE ${row.name} ${row.type}\n`);
    }
    expect(text).toMatch(/^process_resident_memory_bytes \d+/m);
    expect(metrics.contentType).toMatch(/^text\/plain/);
  });

  it('follow the naming rules: our prefix, the unit at the end, `_total` for counters, no name twice', () => {
    const rows = Object.values<MetricRow>(METRICS);
    expect(new Set(rows.map((row) => row.name)).size).toBe(rows.length);
    for (const row of rows) {
      expect(row.name).toMatch(/^(moltbot|gen_ai)_[a-z_]+$/);
      expect(row.name.endsWith('_total')).toBe(row.type === 'counter');
      expect(row.buckets !== undefined).toBe(row.type === 'histogram');
      // Prometheus has these for where a series comes from.
      expect(row.labels).not.toEqual(expect.arrayContaining([expect.stringMatching(/^(job|instance)$/)]));
      expect(row.buckets ?? []).toEqual([...(row.buckets ?? [])].sort((a, b) => a - b));
    }
  });

  it('count from zero where there are no labels', async () => {
    expect(await lines('moltbot_usage_rows_dropped_total')).toEqual(['moltbot_usage_rows_dropped_total 0']);
    metrics.usageRowsDropped.inc(3);
    metrics.usageRowsDropped.inc();
    metrics.requestsInFlight.inc(2);
    metrics.requestsInFlight.dec();
    metrics.retryBudgetRemaining.set(7);
    expect(await lines('moltbot_usage_rows_dropped_total')).toEqual(['moltbot_usage_rows_dropped_total 4']);
    expect(await lines('moltbot_requests_in_flight')).toEqual(['moltbot_requests_in_flight 1']);
    expect(await lines('moltbot_retry_budget_remaining')).toEqual(['moltbot_retry_budget_remaining 7']);
  });

  it('count per combination of labels, by name or by a series looked up once', async () => {
    const labels = { operation: 'chat', dialect: 'openai', outcome: 'complete' };
    const series = metrics.requests.with(labels);
    series.inc();
    metrics.requests.inc({ outcome: 'complete', dialect: 'openai', operation: 'chat' }, 2);
    metrics.requests.inc({ ...labels, outcome: 'failed' });
    expect(await lines('moltbot_requests_total')).toEqual([
      'moltbot_requests_total{operation="chat",dialect="openai",outcome="complete"} 3',
      'moltbot_requests_total{operation="chat",dialect="openai",outcome="failed"} 1',
    ]);
  });

  it('observe into cumulated buckets whose bounds are inclusive', async () => {
    for (const value of [0.1, 0.3, 2.5, 4_000, -5]) metrics.jobDuration.observe({ type: 'warmup' }, value);
    const counts = Object.fromEntries(
      (await lines('moltbot_job_duration_seconds_bucket')).map((line) => [
        /le="([^"]+)"/.exec(line)?.[1],
        line.split(' ')[1],
      ]),
    );
    expect(counts).toMatchObject({ '0.1': '2', '0.5': '3', '1': '3', '2.5': '4', '3600': '4', '+Inf': '5' });
    expect(await lines('moltbot_job_duration_seconds_count')).toEqual([
      'moltbot_job_duration_seconds_count{type="warmup"} 5',
    ]);
    expect((await lines('moltbot_job_duration_seconds_sum'))[0]).toMatch(/ 4002\.9$/);
  });

  it('ignore what is no number and counters that would go down', async () => {
    metrics.logLinesShortened.inc(Number.NaN);
    metrics.logLinesShortened.inc(-1);
    metrics.logLinesShortened.inc(Number.POSITIVE_INFINITY);
    metrics.requestsInFlight.set(Number.NaN);
    metrics.budgetReservation.observe(Number.NaN);
    expect(await lines('moltbot_log_lines_shortened_total')).toEqual(['moltbot_log_lines_shortened_total 0']);
    expect(await lines('moltbot_requests_in_flight')).toEqual(['moltbot_requests_in_flight 0']);
    expect(await lines('moltbot_budget_reservation_seconds_count')).toEqual([
      'moltbot_budget_reservation_seconds_count 0',
    ]);
  });

  it('fold the values of a label beyond the limit into `other`', async () => {
    for (let index = 0; index < 10; index += 1) metrics.deadTargetCalls.inc({ target: `t${index}` });
    metrics.deadTargetCalls.inc({ target: 't1' });
    expect(await lines('moltbot_dead_target_calls_total')).toEqual([
      'moltbot_dead_target_calls_total{target="t0"} 1',
      'moltbot_dead_target_calls_total{target="t1"} 2',
      'moltbot_dead_target_calls_total{target="t2"} 1',
      'moltbot_dead_target_calls_total{target="other"} 7',
    ]);
  });

  it('keep the number of series bounded whatever is combined', async () => {
    for (const provider of ['a', 'b', 'c', 'd', 'e'])
      for (const model of ['a', 'b', 'c', 'd', 'e'])
        for (const outcome of ['a', 'b', 'c', 'd', 'e']) metrics.attempts.inc({ provider, model, outcome });
    const series = await lines('moltbot_attempts_total');
    expect(series).toHaveLength(6);
    expect(series.map((line) => Number(line.split(' ')[1])).reduce((a, b) => a + b)).toBe(125);
  });

  it('print hostile label values as one valid line', async () => {
    metrics.accessDenied.inc({ reason: 'a"b\\c\nd\uD800' });
    metrics.accessDenied.inc({ reason: '' });
    metrics.accessDenied.inc({ reason: 'x'.repeat(10_000) });
    expect(await lines('moltbot_access_denied_total')).toEqual([
      'moltbot_access_denied_total{reason="a\\"b\\\\c\\nd\uFFFD"} 1',
      'moltbot_access_denied_total{reason="none"} 1',
      `moltbot_access_denied_total{reason="${'x'.repeat(128)}"} 1`,
    ]);
  });

  it('forget the series of a target that is gone, and have room for another', async () => {
    for (const target of ['a', 'b', 'c']) metrics.breakerState.set({ target }, 2);
    metrics.breakerState.remove({ target: 'b' });
    metrics.breakerState.remove({ target: 'never there' });
    metrics.breakerState.set({ target: 'd' }, 1);
    expect(await lines('moltbot_breaker_state{')).toEqual([
      'moltbot_breaker_state{target="a"} 2',
      'moltbot_breaker_state{target="c"} 2',
      'moltbot_breaker_state{target="d"} 1',
    ]);
    metrics.breakerState.reset();
    expect(await lines('moltbot_breaker_state{')).toEqual([]);
  });

  it('refresh gauges before each rendering, whatever becomes of a refresh, and share overlapping renderings', async () => {
    let calls = 0;
    const stop = metrics.onRender(async () => {
      calls += 1;
      metrics.queueJobs.set({ queue: 'q', state: 'waiting' }, calls);
    });
    metrics.onRender(() => {
      throw new Error('no');
    });
    metrics.onRender(async () => Promise.reject(new Error('no')));
    const [one, two] = await Promise.all([metrics.render(), metrics.render()]);
    expect(one).toBe(two);
    expect(await lines('moltbot_queue_jobs{')).toEqual(['moltbot_queue_jobs{queue="q",state="waiting"} 2']);
    stop();
    await metrics.render();
    expect(calls).toBe(2);
  });

  it('do not wait long for a refresh that never ends', async () => {
    metrics.onRender(async () => new Promise<void>(() => {}));
    const started = performance.now();
    await metrics.render();
    expect(performance.now() - started).toBeLessThan(3_000);
  });

  it('count from zero where all values of the labels are known, so that the first event is a change', async () => {
    expect(await lines('moltbot_messages_unaccounted_total')).toEqual([
      'moltbot_messages_unaccounted_total{why="ledger"} 0',
      'moltbot_messages_unaccounted_total{why="open"} 0',
    ]);
    metrics.unaccounted.inc({ why: 'open' });
    metrics.rescues.inc({ rung: 'anew', outcome: 'failed' }, 2);
    expect(await lines('moltbot_messages_unaccounted_total{why="open"}')).toEqual([
      'moltbot_messages_unaccounted_total{why="open"} 1',
    ]);
    expect(await lines('moltbot_rescues_total{')).toEqual([
      'moltbot_rescues_total{rung="prefill",outcome="joined"} 0',
      'moltbot_rescues_total{rung="prefill",outcome="failed"} 0',
      'moltbot_rescues_total{rung="continue",outcome="joined"} 0',
      'moltbot_rescues_total{rung="continue",outcome="failed"} 0',
      'moltbot_rescues_total{rung="anew",outcome="joined"} 0',
      'moltbot_rescues_total{rung="anew",outcome="failed"} 2',
    ]);
  });

  it('say what runs', async () => {
    expect(await lines('moltbot_build_info{')).toEqual([
      `moltbot_build_info{version="1.2.3",node="${process.versions.node}",role="primary"} 1`,
    ]);
  });

  it('have a reference with one line each', () => {
    const markdown = metricsReferenceMarkdown();
    for (const row of Object.values<MetricRow>(METRICS))
      expect(markdown).toContain(`| \`${row.name}\` | ${row.type} |`);
    expect(markdown.trimEnd().split('\n')).toHaveLength(Object.keys(METRICS).length + 2);
  });
});
