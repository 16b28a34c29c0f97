import { METRICS, type MetricRow } from './metric-table.js';

/** The table of `docs/metrics.md`: one line per metric, in the table's order. */
export function metricsReferenceMarkdown(): string {
  const lines = Object.values<MetricRow>(METRICS).map((row) => {
    const labels = row.labels.length === 0 ? '' : row.labels.map((label) => `\`${label}\``).join(', ');
    const buckets = row.buckets === undefined ? '' : ` Buckets: ${row.buckets.join(', ')}.`;
    return `| \`${row.name}\` | ${row.type} | ${labels} | ${row.help}${buckets} |`;
  });
  return ['| Metric | Type | Labels | Meaning |', '| --- | --- | --- | --- |', ...lines, ''].join('\n');
}
