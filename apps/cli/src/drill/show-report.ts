import type { DrillFinding, DrillReport, DrillRun } from '@moltbot/drill';
import type { Output, Style } from '../output.js';
import { table } from '../table.js';
import { shownWait } from './shown-wait.js';
import type { DrillTexts } from './texts/texts.js';

export interface ShowReportOptions {
  readonly report: DrillReport;
  readonly output: Output;
  readonly texts: DrillTexts;
  readonly style: (style: Style, text: string) => string;
}

/** What users would have seen, target by target; then what to change; then the verdict. */
export function showReport(options: ShowReportOptions): void {
  const { report, output, texts, style } = options;
  output.line(style('bold', texts.title(report.chain, report.targets.map(({ target }) => target).join(' → '))));
  output.line(style('dim', texts.apart));
  output.line(style('dim', texts.scaled(report.scale)));
  const situations = new Set<string>(['outage', 'everything-down', 'caller-gone']);
  for (const { target, credentials, ready } of report.targets) {
    const runs = report.runs.filter((run) => run.target === target && !situations.has(run.row));
    const skipped = report.skipped.filter((skip) => skip.target === target);
    if (runs.length === 0 && skipped.length === 0) continue;
    output.line();
    const keys = !ready ? texts.notReady : credentials.length === 0 ? texts.noKey : texts.keys(credentials.join(', '));
    output.line(`${style('bold', target)}  ${style('dim', keys)}`);
    showRuns(runs, options);
    for (const why of new Set(ready ? skipped.map((skip) => skip.why) : [])) {
      const rows = skipped.filter((skip) => skip.why === why).map(({ row }) => texts.rows[row]);
      output.line(style('dim', `  ${texts.skipped(rows.join(', '), texts.skips[why])}`));
    }
  }
  const whole = report.runs.filter(({ row }) => situations.has(row));
  if (whole.length > 0) {
    output.line();
    output.line(style('bold', texts.wholeChain));
    showRuns(whole, options);
  }
  for (const finding of report.findings) showFinding(finding, options);
  showVerdict(options);
}

function showRuns(runs: readonly DrillRun[], options: ShowReportOptions): void {
  const { output, texts, style } = options;
  if (runs.length === 0) return;
  const rows = alike(runs).map(({ run, modes }) => {
    const { row, credentials, calls, moves, problems } = run;
    const mark = problems.length > 0 || isLoss(run) ? style('red', '✗') : style('green', '✓');
    const what = credentials === undefined ? texts.rows[row] : `${texts.rows[row]} (${texts.credentials[credentials]})`;
    return [
      `  ${mark} ${what}`,
      style('dim', modes.map((mode) => texts.modes[mode]).join('+')),
      seen(run, options),
      style('dim', texts.calls(calls)),
      style('dim', [moves.map((move) => texts.moves[move]).join(', '), ...costs(run, texts)].join('; ')),
    ];
  });
  output.line(table(rows));
  for (const { row, problems, mode } of runs) {
    for (const problem of problems) {
      output.line(style('red', `    ${texts.rows[row]} (${texts.modes[mode]}): ${texts.problems[problem]}`));
    }
  }
}

/** A stream and a whole answer that came to the same are one line. */
function alike(runs: readonly DrillRun[]): readonly { readonly run: DrillRun; readonly modes: DrillRun['mode'][] }[] {
  const lines = new Map<string, { readonly run: DrillRun; readonly modes: DrillRun['mode'][] }>();
  for (const run of runs) {
    const { row, credentials, outcome, answeredBy, code, calls, moves, waitMs = 0, problems } = run;
    // Times that differ by less are told alike.
    const wait = Math.round(waitMs / 2_000);
    const key = JSON.stringify([row, credentials, outcome, answeredBy, code, calls, moves, wait, problems]);
    const line = lines.get(key);
    if (line === undefined) lines.set(key, { run, modes: [run.mode] });
    else line.modes.push(run.mode);
  }
  return [...lines.values()];
}

function isLoss({ outcome }: DrillRun): boolean {
  return outcome === 'lost' || outcome === 'too-late';
}

function seen(run: DrillRun, { texts, style }: ShowReportOptions): string {
  const { outcome, code = '', answeredBy = '', waitMs = 0, pauseMs = 0 } = run;
  switch (outcome) {
    case 'answered': {
      const pause = pauseMs >= 100 ? `, ${texts.pause(shownWait(pauseMs))}` : '';
      return texts.answered(answeredBy, shownWait(waitMs)) + pause;
    }
    case 'told':
      return texts.told(code);
    case 'lost':
      return style('red', texts.lost(code));
    case 'nobody-left':
      return texts.nobodyLeft(code);
    case 'too-late':
      return style('red', texts.tooLate(code));
  }
}

function costs({ costMicros, wastedMicros = 0 }: DrillRun, texts: DrillTexts): readonly string[] {
  if (costMicros === undefined) return [];
  const cost = texts.cost(money(costMicros + wastedMicros));
  return [wastedMicros === 0 ? cost : `${cost} (${texts.wasted(money(wastedMicros))})`];
}

function money(micros: number): string {
  return (micros / 1_000_000).toFixed(6);
}

const MARKS = { error: 'red', warning: 'yellow', note: 'dim' } as const;

function showFinding({ severity, code, about, waitMs, change }: DrillFinding, options: ShowReportOptions): void {
  const { output, texts, style } = options;
  const named = about.map((name) => (name in texts.rows ? texts.rows[name as keyof DrillTexts['rows']] : name));
  const { message, action } = texts.findings[code](named.join(', '), shownWait(waitMs ?? 0));
  output.line();
  output.line(`${style(MARKS[severity], severity === 'note' ? '·' : '!')} ${message}`);
  output.line(`  ${action}`);
  if (change === undefined) return;
  if (!change.startsWith('#')) output.line(style('dim', `  ${texts.change}`));
  for (const line of change.split('\n')) output.line(style('cyan', `    ${line}`));
}

function showVerdict({ report, output, texts, style }: ShowReportOptions): void {
  const { verdict, counts, durationMs } = report;
  const word = verdict === 'passed' ? style('green', texts.passed) : style('red', texts.failed);
  output.line();
  output.line(`${word}  ${texts.counts({ ...counts, seconds: (durationMs / 1_000).toFixed(1) })}`);
}
