import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { acrossOf, METRICS, type MetricRow } from '../../packages/observability/src/index.js';
import { metricsIn, prometheusIsThere, sayWithoutPrometheus } from './prometheus-tools.js';

const ROOT = resolve(import.meta.dirname, '../..');
const FOLDER = join(ROOT, 'deploy/prometheus');

interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly labels?: { readonly severity?: string };
  readonly annotations?: Readonly<Record<string, string>>;
}

interface RuleFile {
  readonly groups: readonly { readonly name: string; readonly rules: readonly Rule[] }[];
}

interface TestFile {
  readonly tests: readonly {
    readonly name: string;
    readonly alert_rule_test: readonly { readonly alertname: string; readonly exp_alerts: readonly unknown[] }[];
  }[];
}

const read = (name: string): unknown => parse(readFileSync(join(FOLDER, name), 'utf8'));
const rulesOf = (name: string): readonly Rule[] => (read(name) as RuleFile).groups.flatMap(({ rules }) => rules);
const alerts = rulesOf('alerts.yml');
const recorded = rulesOf('rules.yml');
const rows = new Map<string, MetricRow>(Object.values<MetricRow>(METRICS).map((row) => [row.name, row]));

function promtool(...parameters: string[]): void {
  const { status, stdout, stderr } = spawnSync('promtool', parameters, { cwd: FOLDER, encoding: 'utf8' });
  if (status !== 0) throw new Error(`promtool ${parameters.join(' ')}\n${stdout}${stderr}`);
}

describe('the alerts', () => {
  if (prometheusIsThere) {
    it('are rules that Prometheus takes', () => {
      promtool('check', 'rules', 'rules.yml', 'alerts.yml');
    });

    it('fire when they should, and only then', () => {
      promtool('test', 'rules', 'alerts.test.yml');
    }, 180_000);
  } else {
    it('are not run without Prometheus', sayWithoutPrometheus);
  }

  it('are each tested with a case that fires and one that does not', () => {
    const cases = (read('alerts.test.yml') as TestFile).tests.flatMap((test) => test.alert_rule_test);
    for (const { alert } of alerts) {
      const own = cases.filter(({ alertname }) => alertname === alert);
      expect([alert, own.some(({ exp_alerts }) => exp_alerts.length > 0)]).toEqual([alert, true]);
      expect([alert, own.some(({ exp_alerts }) => exp_alerts.length === 0)]).toEqual([alert, true]);
    }
    for (const { alertname } of cases) expect(alerts.map(({ alert }) => alert)).toContain(alertname);
  });

  it('say how bad it is, what it is, what to do and where to look, in pages and dashboards that exist', () => {
    const dashboards = readdirSync(join(ROOT, 'deploy/grafana/dashboards')).map(
      (name) => `moltbot-${basename(name, '.json')}`,
    );
    const pages = new Set(readdirSync(join(ROOT, 'docs/runbooks')));
    for (const { alert, labels, annotations = {} } of alerts) {
      expect(['critical', 'warning']).toContain(labels?.severity);
      expect(annotations['summary']?.length).toBeGreaterThan(10);
      expect(annotations['description']?.length).toBeGreaterThan(20);
      const page = annotations['runbook_url'] ?? '';
      expect([page, existsSync(join(ROOT, page))]).toEqual([page, true]);
      expect(readFileSync(join(ROOT, page), 'utf8')).toContain(`# ${alert}\n`);
      pages.delete(basename(page));
      expect(annotations['dashboard_url']).toMatch(/^\/d\/moltbot-/);
      expect(dashboards).toContain(annotations['dashboard_url']?.slice('/d/'.length));
    }
    expect([...pages]).toEqual([]);
  });

  it('read metrics that exist, and none is recorded that nobody reads', () => {
    const names = new Set(recorded.map(({ record = '' }) => record));
    for (const { expr } of [...alerts, ...recorded]) {
      const used = metricsIn(expr);
      expect([expr, used.length > 0]).toEqual([expr, true]);
      for (const name of used) expect([name, rows.has(name) || names.has(name) || name === 'up']).toEqual([name, true]);
    }
    const readers = alerts.flatMap(({ expr }) => metricsIn(expr));
    for (const name of names) expect(readers).toContain(name);
  });

  it('ask for buckets that the histograms have', () => {
    const asked = [...alerts, ...recorded].flatMap(({ expr }) => [
      ...expr.matchAll(/([\w:]+)_bucket\{[^}]*\ble(?:=~?)"([^"]+)"/g),
    ]);
    expect(asked.length).toBeGreaterThan(10);
    for (const [, name = '', bound = ''] of asked) {
      const bounds = rows.get(name)?.buckets ?? [];
      const matches = bounds.filter((each) => new RegExp(`^(?:${bound})$`).test(String(each)));
      expect([name, bound, matches.length]).toEqual([name, bound, 1]);
      // As Prometheus 3 writes it.
      const [match = 0] = matches;
      const written = Number.isInteger(match) ? `${match}.0` : String(match);
      expect([name, written, new RegExp(`^(?:${bound})$`).test(written)]).toEqual([name, written, true]);
    }
  });

  it('add up what may be added up: no gauge that all processes tell alike is summed', () => {
    for (const { expr } of [...alerts, ...recorded]) {
      for (const [, name = ''] of expr.matchAll(/\bsum(?: (?:by|without) \([^)]*\))?\(\s*([\w:]+)/g)) {
        const row = rows.get(name);
        if (row !== undefined) expect([name, acrossOf(row)]).toEqual([name, 'sum']);
      }
    }
  });
});

describe('the runbooks', () => {
  it('name metrics that exist, and lead to pages that exist', () => {
    for (const file of readdirSync(join(ROOT, 'docs/runbooks'))) {
      const text = readFileSync(join(ROOT, 'docs/runbooks', file), 'utf8');
      for (const [, code = ''] of text.matchAll(/`([^`]+)`/g)) {
        for (const name of metricsIn(code)) {
          if (/^(process|nodejs)_/.test(name)) continue;
          expect([file, name, rows.has(name) || name === 'up']).toEqual([file, name, true]);
        }
      }
      for (const [, link = ''] of text.matchAll(/\]\(([^)#]+)/g)) {
        expect([file, link, existsSync(join(ROOT, 'docs/runbooks', link))]).toEqual([file, link, true]);
      }
    }
  });
});
