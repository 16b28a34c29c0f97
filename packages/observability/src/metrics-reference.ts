import { acrossOf, type MetricRow } from './metric-row.js';
import { METRICS } from './metric-table.js';

/** The table of `docs/metrics.md`: one line per metric, in the table's order. */
export function metricsReferenceMarkdown(): string {
  const lines = Object.values<MetricRow>(METRICS).map((row) => {
    const labels = row.labels.map((label) => `\`${label}\``).join(', ');
    const buckets = row.buckets === undefined ? '' : ` Buckets: ${row.buckets.join(', ')}.`;
    return `| \`${row.name}\` | ${row.type} | ${labels} | ${acrossOf(row)} | ${row.help}${buckets} |`;
  });
  return [
    '| Metric | Type | Labels | Over processes | Meaning |',
    '| --- | --- | --- | --- | --- |',
    ...lines,
    '',
  ].join('\n');
}
