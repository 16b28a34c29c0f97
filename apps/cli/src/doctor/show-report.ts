import { stripVTControlCharacters } from 'node:util';
import type { Output, Style } from '../output.js';
import { table } from '../table.js';
import type { Evidence } from './check.js';
import type { DoctorReport, ReportedCheck, ReportedFix } from './report.js';
import type { DoctorTexts } from './texts/texts.js';

const MARKS = {
  ok: { mark: '✓', style: 'green' },
  warning: { mark: '!', style: 'yellow' },
  error: { mark: '✗', style: 'red' },
  skipped: { mark: '-', style: 'dim' },
} as const satisfies Record<ReportedCheck['status'], { readonly mark: string; readonly style: Style }>;

/** The table, what was found under each line, and the verdict at the end. */
export function showReport(options: {
  readonly report: DoctorReport;
  readonly output: Output;
  readonly texts: DoctorTexts;
  readonly command: string;
}): void {
  const { report, output, texts, command } = options;
  // What nobody uses is said in `--json` only.
  const told = report.checks.filter((check) => check.status !== 'skipped' || check.reason !== 'not-configured');
  const rows = told.map((check) => {
    const { mark, style } = MARKS[check.status];
    return {
      check,
      cells: [output.style(style, mark), nameOf(check), output.style('dim', check.title), wordsOf(check, options)],
    };
  });
  const lines = table(rows.map(({ cells }) => cells)).split('\n');
  for (const [index, { check }] of rows.entries()) {
    output.line(lines[index]?.trimEnd());
    if (check.status === 'error' || check.status === 'warning') {
      output.line(`    ${check.message}`);
      for (const line of evidenceLines(check.evidence, texts)) output.line(output.style('dim', `    ${line}`));
    }
  }
  for (const fix of report.fixes ?? []) showFix(fix, options);
  output.line();
  output.line(output.style('dim', texts.counts(report.counts)));
  showVerdict(options);
  if (report.fixes === undefined && report.checks.some((check) => 'fixable' in check && check.fixable)) {
    output.line(output.style('dim', texts.fixHint(command)));
  }
}

function showVerdict({ report, output, texts, command }: Parameters<typeof showReport>[0]): void {
  const { verdict, counts } = report;
  if (verdict.status === 'healthy') {
    output.line(`${output.style('bold', `${texts.verdict}:`)} ${output.style('green', texts.healthy(counts.ok))}`);
    return;
  }
  const { style } = MARKS[verdict.status];
  output.line(`${output.style('bold', `${texts.verdict}:`)} ${output.style(style, verdict.message)}`);
  if (verdict.evidence.length > 0) {
    output.line(`  ${texts.evidence}:`);
    for (const line of evidenceLines(verdict.evidence, texts)) output.line(`    ${line}`);
  }
  output.line(`  ${texts.doThis}: ${verdict.action}`);
  if (verdict.command !== null) output.line(`    ${output.style('cyan', verdict.command)}`);
  const others = counts.error + counts.warning - 1;
  if (others > 0) output.line(output.style('dim', `  ${texts.others(others)}`));
  output.line(output.style('dim', `  ${texts.explainHint(command, verdict.code)}`));
}

function showFix(fix: ReportedFix, { output, texts }: Parameters<typeof showReport>[0]): void {
  const words = {
    mended: output.style('green', texts.fixed),
    declined: texts.declined,
    failed: output.style('red', texts.fixFailed(fix.error ?? '')),
    'still-there': output.style('yellow', texts.stillThere),
  };
  output.line(`→ ${fix.command}: ${words[fix.outcome]}`);
  if (fix.backup !== null) output.line(`    ${texts.backup(fix.backup)}`);
}

function nameOf({ id, subject }: ReportedCheck): string {
  return subject === null ? id : `${id}  ${subject}`;
}

function wordsOf(check: ReportedCheck, { output, texts }: Parameters<typeof showReport>[0]): string {
  switch (check.status) {
    case 'ok':
      return '';
    case 'skipped':
      return output.style('dim', `${texts.notChecked}: ${check.message}`);
    default:
      return output.style(MARKS[check.status].style, `${texts[check.status]} (${check.code})`);
  }
}

function evidenceLines(evidence: readonly Evidence[], texts: DoctorTexts): readonly string[] {
  const rows = evidence.map(({ label, value }) => [`${texts.labels[label]}:`, stripVTControlCharacters(value)]);
  return rows.length === 0 ? [] : table(rows).split('\n');
}
