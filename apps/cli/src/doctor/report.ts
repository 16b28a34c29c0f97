import type { CheckId, Evidence, SkipReason } from './check.js';
import type { Cause, FindingCode } from './finding-facts.js';

/**
 * What `moltbot doctor --json` prints: one document. Fields are added, never renamed or taken away, while `schema` is 1.
 * Texts are in the language of the command; ids, codes and statuses are the same in all.
 */
export interface DoctorReport {
  readonly schema: 1;
  /** Of the program. */
  readonly version: string;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly durationMs: number;
  readonly verdict: Verdict;
  readonly counts: Readonly<Record<ReportedCheck['status'], number>>;
  /** In the order of the table; a check of several things has an entry for each. */
  readonly checks: readonly ReportedCheck[];
  /** What `--fix` did; not there without it. */
  readonly fixes?: readonly ReportedFix[];
}

export type ReportedCheck = {
  readonly id: CheckId;
  readonly title: string;
  /** Which provider, credential, file or setting. */
  readonly subject: string | null;
} & (
  | { readonly status: 'ok'; readonly evidence: readonly Evidence[] }
  | { readonly status: 'skipped'; readonly reason: SkipReason; readonly message: string }
  | ReportedFinding
);

export interface ReportedFinding {
  readonly status: 'error' | 'warning';
  readonly code: FindingCode;
  readonly cause: Cause;
  /** What is so. */
  readonly message: string;
  /** What to do. */
  readonly action: string;
  /** The one command that does it, where a command can. */
  readonly command: string | null;
  readonly evidence: readonly Evidence[];
  /** Whether `--fix` can do it. */
  readonly fixable: boolean;
}

/** The first cause, by the order of `CAUSES`; errors before warnings. */
export type Verdict =
  | { readonly status: 'healthy' }
  | ({ readonly id: CheckId; readonly subject: string | null } & ReportedFinding);

export interface ReportedFix {
  readonly id: CheckId;
  readonly subject: string | null;
  readonly command: string;
  readonly file: string;
  /** The copy of the file as it was; `null`: there was no file. */
  readonly backup: string | null;
  /** `mended`: the check no longer says it. */
  readonly outcome: 'mended' | 'declined' | 'failed' | 'still-there';
  readonly error?: string;
}
