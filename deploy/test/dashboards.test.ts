import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { acrossOf, METRICS, type MetricRow } from '../../packages/observability/src/index.js';
import type { Dashboard } from './dashboard.js';
import { metricsIn } from './prometheus-tools.js';

const FOLDER = resolve(import.meta.dirname, '../grafana/dashboards');
const NAMES = ['conversations', 'cost', 'jobs', 'overview', 'providers', 'runtime'];
const dashboards = NAMES.map((name) => ({
  name,
  json: JSON.parse(readFileSync(join(FOLDER, `${name}.json`), 'utf8')) as Dashboard,
}));
const rows = new Map<string, MetricRow>(Object.values<MetricRow>(METRICS).map((row) => [row.name, row]));
/** Of Grafana's own list (packages/grafana-data, value formats). */
const UNITS = new Set(['short', 's', 'reqps', 'percentunit', 'bytes', 'currencyUSD']);
const KINDS = new Set(['timeseries', 'stat', 'gauge', 'table', 'state-timeline']);

describe('the dashboards', () => {
  it('are six, with names of their own, and as their script writes them', () => {
    expect(readdirSync(FOLDER).sort()).toEqual(NAMES.map((name) => `${name}.json`));
    for (const { name, json } of dashboards) expect(json.uid).toBe(`moltbot-${name}`);
    expect(new Set(dashboards.map(({ json }) => json.title)).size).toBe(NAMES.length);
    const script = resolve(FOLDER, '../build-dashboards.mjs');
    const { status, stderr } = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' });
    expect([status, stderr]).toEqual([0, '']);
  });

  it('lay out their panels side by side, each with an id, a unit and a kind that Grafana has', () => {
    for (const { name, json } of dashboards) {
      expect(json.schemaVersion).toBeGreaterThanOrEqual(36);
      expect(new Set(json.panels.map(({ id }) => id)).size).toBe(json.panels.length);
      const taken = new Set<string>();
      for (const { title, type, gridPos, fieldConfig, targets } of json.panels) {
        expect([name, title, KINDS.has(type), UNITS.has(fieldConfig.defaults.unit)]).toEqual([name, title, true, true]);
        expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
        for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
          for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
            expect([name, title, taken.has(`${x} ${y}`)]).toEqual([name, title, false]);
            taken.add(`${x} ${y}`);
          }
        }
        expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length);
      }
    }
  });

  it('ask the one data source that is provisioned, by variables that they define', () => {
    for (const { name, json } of dashboards) {
      const variables = new Set(json.templating.list.map((variable) => variable.name));
      const sources = [...json.panels, ...json.panels.flatMap(({ targets }) => targets), ...json.templating.list];
      for (const { datasource } of sources) expect(datasource).toEqual({ type: 'prometheus', uid: 'prometheus' });
      const used = [...JSON.stringify(json).matchAll(/\$(\w+)/g)].map(([, variable = '']) => variable);
      for (const variable of used.filter((found) => !found.startsWith('__'))) {
        expect([name, variable, variables.has(variable)]).toEqual([name, variable, true]);
      }
    }
  });

  it('judge chains by the primaries, as the alerts do: a worker that calls no model takes them all for callable', () => {
    const expressions = dashboards
      .flatMap(({ json }) => json.panels.flatMap(({ targets }) => targets))
      .map(({ expr }) => expr);
    const ofChains = expressions.filter((expr) => expr.includes('moltbot_chain_targets'));
    expect(ofChains.length).toBeGreaterThan(1);
    for (const expr of ofChains) expect(expr).toContain('job=~".*primary"');
  });

  it('read metrics that exist, and sum no gauge that all processes tell alike', () => {
    for (const { name, json } of dashboards) {
      for (const { expr } of json.panels.flatMap(({ targets }) => targets)) {
        for (const metric of metricsIn(expr)) {
          const known = rows.has(metric) || metric === 'up' || /^(process|nodejs)_/.test(metric);
          expect([name, expr, metric, known]).toEqual([name, expr, metric, true]);
        }
        for (const [, metric = ''] of expr.matchAll(/\bsum(?: (?:by|without) \([^)]*\))?\(\s*([\w:]+)/g)) {
          const row = rows.get(metric);
          // A count of processes, not of what they tell.
          if (row === undefined || metric === METRICS.buildInfo.name) continue;
          expect([name, metric, acrossOf(row)]).toEqual([name, metric, 'sum']);
        }
      }
    }
  });
});
