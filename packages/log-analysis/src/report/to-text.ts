import type { LatencyReport, LogReport, SummaryReport } from './report.js';

const MAX_TEXT = 160;

/** A summary for terminals: plain lines; control characters of log text are replaced. */
export function toText(
  report: LogReport,
  options: { readonly top?: number; readonly bold?: (text: string) => string } = {},
): string {
  const { top = 20, bold = (text) => text } = options;
  const { coverage } = report;
  const lines: string[] = [];
  const title = (text: string): void => {
    lines.push('', bold(text));
  };
  lines.push(
    bold(
      `${number(coverage.lines)} lines, ${number(coverage.records)} records, ${number(coverage.templates)} templates`,
    ) + `  (${report.formats.map(({ format }) => format).join(', ') || 'empty'})`,
  );
  if (report.time.first !== null) lines.push(`${report.time.first} … ${report.time.last ?? ''}`);
  lines.push(`errors ${percent(report.errorRate)}   latency ${latency(report.latency)}`);
  const remarks = remarksOf(report);
  if (remarks.length > 0) lines.push(`counted: ${remarks.join(', ')}`);
  for (const { name, ended } of report.sources)
    if (ended !== 'complete') lines.push(`${clean(name)}: not read to its end (${ended})`);

  title('Top templates');
  for (const each of report.templates.slice(0, top)) {
    const marks = [
      each.errors > 0 ? `${percent(each.errorRate)} errors` : '',
      each.latency === null ? '' : `p95 ${ms(each.latency.p95)}`,
    ].filter((mark) => mark !== '');
    lines.push(
      `${number(each.count).padStart(11)} ${percent(each.share).padStart(6)}  ${each.id}  ${clean(each.template)}${marks.length > 0 ? `  [${marks.join(', ')}]` : ''}`,
    );
  }
  const omitted = report.templatesOmitted + Math.max(0, report.templates.length - top);
  if (omitted > 0) lines.push(`            … and ${number(omitted)} more`);

  const { baseline } = report.window;
  if (report.changes !== null) {
    if (baseline !== null) lines.push('', `baseline: ${baseline.from ?? 'the beginning'} … ${baseline.to ?? ''}`);
    title('New since the baseline');
    lines.push(
      ...orNone(
        report.changes.new
          .slice(0, top)
          .map((each) => `${number(each.count).padStart(11)}  ${each.id}  ${clean(each.template)}`),
      ),
    );
    title('Vanished since the baseline');
    lines.push(
      ...orNone(
        report.changes.vanished
          .slice(0, top)
          .map((each) => `${number(each.baselineCount).padStart(11)}  ${each.id}  ${clean(each.template)}`),
      ),
    );
  }
  if (report.spikes.length > 0) {
    title('Spikes');
    for (const spike of report.spikes.slice(0, 10)) {
      lines.push(
        `${spike.at}  ${number(spike.count)} instead of ${number(spike.usual)} (z ${spike.z.toFixed(1)})  ${spike.template === null ? 'all lines' : clean(spike.template)}`,
      );
    }
  }
  if (report.risingTogether.length > 0) {
    title('Rising together');
    for (const group of report.risingTogether.slice(0, 5)) lines.push(`${group.at}  ${group.templateIds.join(' ')}`);
  }
  if (report.routes.length > 0) {
    title('Routes');
    for (const route of report.routes.slice(0, 10)) {
      lines.push(
        `${number(route.count).padStart(11)}  ${percent(route.errorRate).padStart(6)} errors  ${latency(route.latency)}  ${clean(route.route)}`,
      );
    }
  }
  if (report.oddSequences.length > 0) {
    title('Odd sequences');
    for (const odd of report.oddSequences.slice(0, 5)) {
      lines.push(
        `${odd.fromId ?? 'start'} → ${odd.toId}  ${number(odd.count)} times (${percent(odd.share)}), as in ${clean(odd.exampleId)}`,
      );
    }
  }
  if (report.summary !== null) {
    title(summaryTitle(report.summary));
    lines.push(...report.summary.claims.map(claimText), ...summaryRemarks(report.summary));
  }
  return `${lines.join('\n')}\n`;
}

export const summaryTitle = ({ model }: SummaryReport): string =>
  model === null ? 'Summary' : `Summary, written by ${clean(model)}`;

const claimText = ({ text, templateIds }: SummaryReport['claims'][number]): string =>
  `- ${text.replace(/\p{Cc}/gu, '\u00b7')} [${templateIds.join(' ')}]`;

/** What is missing of a summary, and why. */
export function summaryRemarks({ claims, removed, error }: SummaryReport): string[] {
  const remarks: string[] = [];
  if (error !== null) remarks.push(`no summary: ${error.code}: ${clean(error.message)}`);
  else if (claims.length === 0) remarks.push('nothing of what the model wrote is about a template of this report');
  if (removed.uncited > 0) remarks.push(`${removed.uncited} claims without a template were left out`);
  if (removed.unknown > 0) remarks.push(`${removed.unknown} claims about templates that are not here were left out`);
  return remarks;
}

const orNone = (lines: readonly string[]): readonly string[] => (lines.length === 0 ? ['            none'] : lines);

/** What was left out or cut, in words; nothing is silent. */
export function remarksOf({ coverage }: LogReport): string[] {
  const remarks: readonly (readonly [number, string])[] = [
    [coverage.continuations, 'continuation lines'],
    [coverage.emptyLines, 'empty lines'],
    [coverage.unparsedLines, 'lines of another format'],
    [coverage.recordsOutsideWindow, 'records outside the window'],
    [coverage.linesOverLimit, 'lines over the limit'],
    [coverage.truncatedLines, 'lines cut at 1 MB'],
    [coverage.invalidUtf8Lines, 'lines that are no UTF-8'],
    [coverage.binaryLines, 'binary lines skipped'],
    [coverage.messagesCut, 'long messages mined by their beginning'],
    [coverage.timesOutlying, 'times far off'],
    [coverage.evictedTemplates, 'rare templates evicted'],
    [coverage.evictedRecords, 'records of evicted templates'],
  ];
  return remarks.filter(([count]) => count > 0).map(([count, text]) => `${number(count)} ${text}`);
}

const number = (value: number): string => Math.round(value).toLocaleString('en-US');
const percent = (value: number): string => `${(value * 100).toFixed(value > 0 && value < 0.001 ? 3 : 1)} %`;
const ms = (value: number): string =>
  value >= 1_000 ? `${(value / 1_000).toFixed(2)} s` : `${value.toPrecision(3)} ms`;
const latency = (value: LatencyReport | null): string =>
  value === null ? '–' : `p50 ${ms(value.p50)} p95 ${ms(value.p95)} p99 ${ms(value.p99)}`;

function clean(text: string): string {
  const plain = text.replace(/\p{Cc}/gu, '\u00b7');
  return plain.length > MAX_TEXT ? `${plain.slice(0, MAX_TEXT - 1)}…` : plain;
}
