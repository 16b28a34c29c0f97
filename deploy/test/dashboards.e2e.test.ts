import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleepFor } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { METRICS, type MetricRow } from '../../packages/observability/src/index.js';
import type { Dashboard } from './dashboard.js';
import { type LoadedMoltbot, startLoadedMoltbot } from './loaded-moltbot.js';
import { prometheusIsThere, sayWithoutPrometheus } from './prometheus-tools.js';
import { type RunningPrometheus, startPrometheus } from './running-prometheus.js';

const FOLDER = resolve(import.meta.dirname, '../grafana/dashboards');
const dashboards = readdirSync(FOLDER).map((name) => JSON.parse(readFileSync(join(FOLDER, name), 'utf8')) as Dashboard);
const ROUNDS = 4;
/** As Grafana would choose it: four scrapes at least. */
const RATE_INTERVAL = '10s';

/** What must not happen under this load, with the test that feeds it. */
const NEVER_FED = new Map<string, string>([
  [METRICS.unaccounted.name, 'apps/primary/src/core/telemetry.test.ts'],
  [METRICS.usageRowsDropped.name, 'apps/primary/src/core/telemetry.test.ts'],
  [METRICS.auditRowsDropped.name, 'apps/primary/src/core/telemetry.test.ts'],
  [METRICS.logLinesShortened.name, 'packages/observability/src/metrics.test.ts'],
  // Written within milliseconds: seldom seen by a scrape.
  [METRICS.budgetSettlementsUnwritten.name, 'apps/primary/src/core/telemetry.test.ts'],
]);

if (!prometheusIsThere) {
  describe('the dashboards', () => {
    it('are not asked without Prometheus', sayWithoutPrometheus);
  });
} else {
  describe('a loaded MoltBot under the eyes of Prometheus', () => {
    let moltbot: LoadedMoltbot;
    let prometheus: RunningPrometheus;
    let startedAt: number;
    const seconds = (): number => Math.ceil((Date.now() - startedAt) / 1_000);

    beforeAll(async () => {
      moltbot = await startLoadedMoltbot();
      prometheus = await startPrometheus(moltbot.targets);
      startedAt = Date.now();
      await moltbot.drill();
      for (let round = 0; round < ROUNDS; round += 1) await moltbot.round();
      await moltbot.drilled();
      // The last scrape has seen all.
      await sleepFor(2_500);
    }, 180_000);

    afterAll(async () => {
      await prometheus?.stop();
      await moltbot?.stop();
    }, 60_000);

    it('leaves no panel of any dashboard without data', async () => {
      const empty: string[] = [];
      for (const { uid, panels } of dashboards) {
        for (const { title, targets } of panels) {
          for (const { expr } of targets) {
            const query = expr.replaceAll('$__rate_interval', RATE_INTERVAL).replaceAll('$instance', '.*');
            const series = await prometheus.range(query, seconds());
            if (!series.some(({ values }) => values.length > 0)) empty.push(`${uid}: ${title}: ${query}`);
          }
        }
      }
      expect(empty).toEqual([]);
    }, 60_000);

    it('feeds every metric of the table', async () => {
      const unfed: string[] = [];
      for (const { name, type, labels } of Object.values<MetricRow>(METRICS)) {
        if (NEVER_FED.has(name)) continue;
        const series = await prometheus.range(
          `{__name__=~"${name}${type === 'histogram' ? '_count' : ''}"}`,
          seconds(),
        );
        // A gauge with labels has a series only where something set it; 0 may be what it has to say.
        const isSet = type === 'gauge' && labels.length > 0 && series.length > 0;
        if (!isSet && !series.some(({ values }) => values.some((value) => value !== 0))) unfed.push(name);
      }
      expect(unfed).toEqual([]);
    }, 60_000);

    it('leaves only what must not happen to other tests', () => {
      const table = Object.entries<MetricRow>(METRICS);
      for (const [name, path] of NEVER_FED) {
        const key = table.find(([, row]) => row.name === name)?.[0];
        const text = readFileSync(resolve(import.meta.dirname, '../..', path), 'utf8');
        expect([name, path, text.includes(name) || text.includes(`metrics.${key}`)]).toEqual([name, path, true]);
      }
    });

    it('adds up: what Prometheus sums over the primaries is what they say one by one', async () => {
      const texts = await Promise.all(
        moltbot.primaries.map(async ({ opsUrl }) => (await fetch(`${opsUrl}/metrics`)).text()),
      );
      for (const name of ['moltbot_requests_total', 'moltbot_attempts_total', 'gen_ai_client_token_usage_sum']) {
        const own = texts.map((text) => sumOf(text, name));
        for (const sum of own) expect(sum).toBeGreaterThan(0);
        const [total] = await prometheus.now(`sum(${name}{job="moltbot-primary"})`);
        expect([name, total?.values]).toEqual([name, [own.reduce((left, right) => left + right, 0)]]);
      }
      // What all tell alike is not added: two primaries, one chain.
      const [targets] = await prometheus.now('max(moltbot_chain_targets{chain="default"})');
      expect(targets?.values).toEqual([3]);
    });

    it('shows what happened as it happened', async () => {
      const counts = async (expr: string, label: string): Promise<Record<string, number>> =>
        Object.fromEntries(
          (await prometheus.now(expr)).map(({ metric, values }) => [metric[label] ?? '', values[0] ?? 0]),
        );
      const streams = await counts('sum by (outcome) (moltbot_stream_outcomes_total)', 'outcome');
      for (const outcome of ['complete', 'joined', 'stalled', 'cut', 'cancelled', 'failed']) {
        expect([outcome, (streams[outcome] ?? 0) > 0]).toEqual([outcome, true]);
      }
      const requests = await counts('sum by (outcome) (moltbot_requests_total)', 'outcome');
      for (const outcome of ['complete', 'rescued', 'refused', 'failed', 'interrupted', 'cancelled']) {
        expect([outcome, (requests[outcome] ?? 0) > 0]).toEqual([outcome, true]);
      }
      const usable = await counts('min by (credential) (moltbot_credential_state)', 'credential');
      expect(usable['locked']).toBe(0);
      const refreshed = await counts('sum by (result) (moltbot_credential_refreshes_total)', 'result');
      expect(refreshed['ok']).toBeGreaterThan(0);
      const [priced] = await prometheus.now('sum(moltbot_cost_micros_total{provider="lab",model="good"})');
      const [calls] = await prometheus.now('sum(moltbot_attempts_total{provider="lab",model="good",outcome="ok"})');
      // 500 tokens of input at 3, 400 of them cached at 0.3, 60 of output at 15: cut and cancelled ones cost less.
      expect((priced?.values[0] ?? 0) / (calls?.values[0] ?? 1)).toBeGreaterThan(1_000);
    });

    it('is judged by rules that Prometheus can work out', async () => {
      const { groups } = await prometheus.api<{
        groups: { rules: { name: string; query: string; health: string; lastError?: string }[] }[];
      }>('rules');
      const rules = groups.flatMap((group) => group.rules);
      expect(rules.length).toBeGreaterThan(40);
      for (const { name, health, lastError } of rules)
        expect([name, health, lastError ?? '']).toEqual([name, 'ok', '']);
      // Asked for itself: its group is worked out twice a minute only.
      for (const { name, query } of rules.filter((rule) => rule.name.includes(':'))) {
        const series = await prometheus.range(query, seconds());
        expect([name, series.some(({ values }) => values.length > 0)]).toEqual([name, true]);
      }
      const { activeTargets } = await prometheus.api<{ activeTargets: { health: string; lastError: string }[] }>(
        'targets?state=active',
      );
      expect(activeTargets.map(({ health, lastError }) => [health, lastError])).toEqual(
        Array.from({ length: 3 }, () => ['up', '']),
      );
    });
  });
}

function sumOf(text: string, name: string): number {
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}
