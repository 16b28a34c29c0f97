import { barChart, sparkline } from './svg-chart.js';
import { fragment, html, type Html } from './html.js';
import type { LatencyReport, LogReport, TemplateReport } from './report.js';
import { remarksOf, summaryRemarks, summaryTitle } from './to-text.js';

const STYLE = `:root{color-scheme:light dark;--line:#8884;--bar:#4a7dcf;--bad:#d0453c}
body{font:14px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.3rem .5rem;border-bottom:1px solid var(--line);vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
code{font:12px/1.4 ui-monospace,monospace;overflow-wrap:anywhere}.id{opacity:.6}.bad{color:var(--bad)}
svg{display:block;width:100%;height:auto}.spark{width:120px;height:22px}details>summary{cursor:pointer}
.facts{display:flex;flex-wrap:wrap;gap:.5rem 2rem}.facts b{display:block;font-size:1.3rem}
.bar{fill:var(--bar)}.err{fill:var(--bad)}text{fill:currentColor;font-size:11px}ul{padding-left:1.2rem}`;

/**
 * The report as one file: no scripts, nothing from elsewhere (the policy in its head forbids both), charts as inline SVG.
 * Log text is escaped wherever it stands.
 */
export function toHtml(report: LogReport): string {
  const { coverage } = report;
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="referrer" content="no-referrer">
<title>Log analysis</title><style>${fragment(STYLE)}</style></head><body>
<h1>Log analysis</h1>
<p>${report.sources.map(({ name }) => name).join(', ')}<br>${report.time.first ?? 'no times'} … ${report.time.last ?? ''}</p>
<div class="facts">${facts([
    ['lines', number(coverage.lines)],
    ['records', number(coverage.records)],
    ['templates', number(coverage.templates)],
    ['errors', percent(report.errorRate)],
    ['p50', report.latency === null ? '–' : ms(report.latency.p50)],
    ['p95', report.latency === null ? '–' : ms(report.latency.p95)],
    ['p99', report.latency === null ? '–' : ms(report.latency.p99)],
  ])}</div>
${summary(report)}
${timeline(report)}
${section('Templates', templatesTable(report))}
${changes(report)}
${spikes(report)}
${together(report)}
${routes(report)}
${odd(report)}
${traces(report)}
${section(
  'Coverage',
  html`<ul>${remarksOf(report).map((remark) => html`<li>${remark}</li>`)}<li>${percent(coverage.shown)} of the records are in the templates shown</li></ul>
<table><tr><th>source</th><th>format</th><th class="n">bytes</th><th class="n">lines</th><th>ended</th></tr>${report.sources.map(
    (source) =>
      html`<tr><td>${source.name}</td><td>${source.role}, ${source.compression}, ${source.encoding}</td><td class="n">${number(source.bytesOut)}</td><td class="n">${number(source.lines)}</td><td>${source.ended}</td></tr>`,
  )}</table>`,
)}
<p>Generated ${report.generatedAt}</p></body></html>
`;
  return page.text;
}

const facts = (pairs: readonly (readonly [string, string])[]): readonly Html[] =>
  pairs.map(([name, value]) => html`<div><b>${value}</b>${name}</div>`);

const section = (title: string, body: Html): Html => html`<section><h2>${title}</h2>${body}</section>`;
const nothing = fragment('');

function timeline(report: LogReport): Html {
  const { lines, errors, start } = report.timeline;
  if (start === null || lines.length === 0) return nothing;
  return section(
    `Lines per ${report.time.bucketMinutes === 1 ? 'minute' : `${report.time.bucketMinutes} minutes`}`,
    barChart({ values: lines, errors, startMs: Date.parse(start), stepMs: report.time.bucketMinutes * 60_000 }),
  );
}

function summary({ summary: written }: LogReport): Html {
  if (written === null) return nothing;
  const claims = written.claims.map(
    ({ text, templateIds }) => html`<li>${text} <span class="id">${templateIds.join(' ')}</span></li>`,
  );
  return section(
    summaryTitle(written),
    html`<ul>${claims}${summaryRemarks(written).map((remark) => html`<li>${remark}</li>`)}</ul>`,
  );
}

function templatesTable(report: LogReport): Html {
  return html`<table><tr><th class="n">count</th><th class="n">share</th><th class="n">errors</th><th class="n">p95</th><th>over time</th><th>template</th></tr>${report.templates.map(templateRow)}</table>
<p>${report.templatesOmitted > 0 ? `${number(report.templatesOmitted)} rarer templates are not shown.` : ''}</p>`;
}

function templateRow(each: TemplateReport): Html {
  const variables = each.variables
    .filter(({ top }) => top.length > 0)
    .map(
      ({ type, top }) =>
        html`<li>${type}: ${top.map(({ value, count }) => html`<code>${value}</code> ×${number(count)} `)}</li>`,
    );
  return html`<tr><td class="n">${number(each.count)}</td><td class="n">${percent(each.share)}</td><td class="n${each.errors > 0 ? ' bad' : ''}">${percent(each.errorRate)}</td><td class="n">${each.latency === null ? '' : ms(each.latency.p95)}</td><td>${sparkline(each.timeline)}</td><td><details><summary><code>${each.template}</code> <span class="id">${each.id}</span></summary>
<p>lines ${each.firstLine} – ${each.lastLine}${each.first === null ? '' : `, ${each.first} – ${each.last ?? ''}`}</p><ul>${variables}</ul>${each.samples.map((sample) => html`<p><code>${sample}</code></p>`)}</details></td></tr>`;
}

function changes({ changes: found, window }: LogReport): Html {
  if (found === null) return nothing;
  const list = (rows: typeof found.new, count: (row: (typeof rows)[number]) => number): Html =>
    rows.length === 0
      ? html`<p>none</p>`
      : html`<table>${rows.map((row) => html`<tr><td class="n">${number(count(row))}</td><td><code>${row.template}</code> <span class="id">${row.id}</span></td></tr>`)}</table>`;
  const { baseline } = window;
  const note =
    baseline === null ? nothing : html`<p>The baseline: ${baseline.from ?? 'the beginning'} … ${baseline.to ?? ''}</p>`;
  return html`${note}${section(
    'New since the baseline',
    list(found.new, ({ count }) => count),
  )}${section(
    'Vanished since the baseline',
    list(found.vanished, ({ baselineCount }) => baselineCount),
  )}`;
}

function spikes({ spikes: found }: LogReport): Html {
  if (found.length === 0) return nothing;
  return section(
    'Spikes',
    html`<table><tr><th>at</th><th class="n">count</th><th class="n">usual</th><th class="n">z</th><th>what</th></tr>${found.map(
      (spike) =>
        html`<tr><td>${spike.at}</td><td class="n">${number(spike.count)}</td><td class="n">${number(spike.usual)}</td><td class="n">${spike.z.toFixed(1)}</td><td><code>${spike.template ?? 'all lines'}</code></td></tr>`,
    )}</table>`,
  );
}

function together(report: LogReport): Html {
  if (report.risingTogether.length === 0) return nothing;
  const texts = new Map(report.templates.map(({ id, template }) => [id, template]));
  return section(
    'Rising together',
    html`${report.risingTogether.map(
      (group) =>
        html`<p>${group.at} (r ≥ ${group.correlation.toFixed(2)})</p><ul>${group.templateIds.map((id) => html`<li><code>${texts.get(id) ?? id}</code></li>`)}</ul>`,
    )}`,
  );
}

function routes(report: LogReport): Html {
  if (report.routes.length === 0) return nothing;
  const cells = (latency: LatencyReport | null): readonly Html[] =>
    (['p50', 'p95', 'p99'] as const).map((key) => html`<td class="n">${latency === null ? '' : ms(latency[key])}</td>`);
  return section(
    'Routes',
    html`<table><tr><th>route</th><th class="n">count</th><th class="n">errors</th><th class="n">p50</th><th class="n">p95</th><th class="n">p99</th></tr>${report.routes.map(
      (route) =>
        html`<tr><td><code>${route.route}</code></td><td class="n">${number(route.count)}</td><td class="n">${percent(route.errorRate)}</td>${cells(route.latency)}</tr>`,
    )}</table>`,
  );
}

function odd({ oddSequences }: LogReport): Html {
  if (oddSequences.length === 0) return nothing;
  return section(
    'Odd sequences',
    html`<table><tr><th>after</th><th>came</th><th class="n">times</th><th class="n">share</th><th>as in</th></tr>${oddSequences.map(
      (each) =>
        html`<tr><td><code>${each.from ?? '(first line)'}</code></td><td><code>${each.to}</code></td><td class="n">${number(each.count)}</td><td class="n">${percent(each.share)}</td><td><code>${each.exampleId}</code></td></tr>`,
    )}</table>`,
  );
}

function traces(report: LogReport): Html {
  if (report.traces.length === 0) return nothing;
  return section(
    'Traces',
    html`${report.traces.map(
      (trace) =>
        html`<details><summary><code>${trace.id}</code>: ${number(trace.lines)} lines, ${number(trace.errors)} errors</summary><ul>${trace.steps.map((step) => html`<li>${step.at ?? ''} ${step.level} <code>${step.template}</code></li>`)}</ul></details>`,
    )}`,
  );
}

const number = (value: number): string => Math.round(value).toLocaleString('en-US');
const percent = (value: number): string => `${(value * 100).toFixed(1)} %`;
const ms = (value: number): string =>
  value >= 1_000 ? `${(value / 1_000).toFixed(2)} s` : `${value.toPrecision(3)} ms`;
