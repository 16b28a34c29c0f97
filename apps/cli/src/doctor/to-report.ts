import type { CheckId, Finding, Observation } from './check.js';
import { CAUSE_OF, CAUSES } from './finding-facts.js';
import type { DoctorReport, ReportedCheck, ReportedFinding, ReportedFix, Verdict } from './report.js';
import type { CheckRun } from './run-checks.js';
import type { DoctorTexts } from './texts/texts.js';

/** Puts what the checks said into words, counts it, and names the first cause. */
export function toReport(options: {
  readonly runs: readonly CheckRun[];
  readonly texts: DoctorTexts;
  readonly version: string;
  readonly startedAt: number;
  readonly durationMs: number;
  readonly fixes?: readonly ReportedFix[] | undefined;
}): DoctorReport {
  const { runs, texts, fixes } = options;
  const checks = runs.flatMap(({ id, observed }) => observed.map((one) => toReportedCheck(id, one, texts)));
  const counts = { error: 0, warning: 0, ok: 0, skipped: 0 };
  for (const { status } of checks) counts[status] += 1;
  return {
    schema: 1,
    version: options.version,
    startedAt: new Date(options.startedAt).toISOString(),
    durationMs: options.durationMs,
    verdict: toVerdict(checks),
    counts,
    checks,
    ...(fixes === undefined ? {} : { fixes }),
  };
}

function toReportedCheck(id: CheckId, observed: Observation, texts: DoctorTexts): ReportedCheck {
  const head = { id, title: texts.titles[id], subject: observed.subject ?? null };
  switch (observed.status) {
    case 'ok':
      return { ...head, status: 'ok', evidence: observed.evidence };
    case 'skipped':
      return { ...head, status: 'skipped', reason: observed.reason, message: texts.skipped[observed.reason] };
    default:
      return { ...head, ...toReportedFinding(observed, texts) };
  }
}

function toReportedFinding(found: Finding, texts: DoctorTexts): ReportedFinding {
  const { message, action } = texts.finding(found.code, found.facts);
  return {
    status: found.status,
    code: found.code,
    cause: CAUSE_OF[found.code],
    message,
    action,
    command: found.command ?? null,
    evidence: found.evidence,
    fixable: found.fix !== undefined,
  };
}

/** Errors before warnings, then by cause; among equals the one that is told first. */
export function toVerdict(checks: readonly ReportedCheck[]): Verdict {
  const found = checks.flatMap((check) => (check.status === 'error' || check.status === 'warning' ? [check] : []));
  const rank = ({ status, cause }: Pick<ReportedFinding, 'status' | 'cause'>): number =>
    (status === 'error' ? 0 : CAUSES.length) + CAUSES.indexOf(cause);
  const [first] = found.toSorted((a, b) => rank(a) - rank(b));
  if (first === undefined) return { status: 'healthy' };
  const { title: _title, ...verdict } = first;
  return verdict;
}
