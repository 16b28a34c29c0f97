import type { Locale } from '@moltbot/config';
import type { CheckId, EvidenceLabel, SkipReason } from '../check.js';
import type { FindingCode, FindingFacts } from '../finding-facts.js';
import { english } from './en.js';
import { englishFindings } from './en-findings.js';
import { chinese } from './zh.js';
import { chineseFindings } from './zh-findings.js';

/** What is so, and what to do about it. */
export interface FindingText {
  readonly message: string;
  readonly action: string;
}

/** One text for each code, from its facts. `command` is how to call us. */
export type FindingTexts = {
  readonly [Code in FindingCode]: (facts: FindingFacts[Code], command: string) => FindingText;
};

/** Everything else that the doctor says. */
export interface DoctorWords {
  readonly titles: Readonly<Record<CheckId, string>>;
  readonly labels: Readonly<Record<EvidenceLabel, string>>;
  readonly skipped: Readonly<Record<SkipReason, string>>;
  readonly ok: string;
  readonly warning: string;
  readonly error: string;
  readonly notChecked: string;
  readonly verdict: string;
  readonly healthy: (checks: number) => string;
  readonly others: (count: number) => string;
  readonly evidence: string;
  readonly doThis: string;
  readonly counts: (counts: {
    readonly error: number;
    readonly warning: number;
    readonly ok: number;
    readonly skipped: number;
  }) => string;
  readonly progress: (progress: { readonly done: number; readonly all: number; readonly running: string }) => string;
  readonly fixHint: (command: string) => string;
  readonly explainHint: (command: string, code: string) => string;
  readonly askFix: (command: string) => string;
  readonly fixNeedsTerminal: string;
  readonly fixWithLint: string;
  readonly fixed: string;
  readonly declined: string;
  readonly stillThere: string;
  readonly fixFailed: (reason: string) => string;
  readonly backup: (file: string) => string;
  readonly nothingToFix: string;
  readonly unknownCheck: (id: string) => string;
  readonly unknownCode: (code: string) => string;
  readonly meaning: string;
  readonly causes: string;
  readonly remedy: string;
  readonly toldBy: string;
}

export interface DoctorTexts extends DoctorWords {
  finding<Code extends FindingCode>(code: Code, facts: FindingFacts[Code]): FindingText;
}

/** @param options.command how to call us: what people are told to type can be pasted */
export function doctorTexts({ locale, command }: { readonly locale: Locale; readonly command: string }): DoctorTexts {
  const findings = locale === 'zh' ? chineseFindings : englishFindings;
  return {
    ...(locale === 'zh' ? chinese : english),
    finding: (code, facts) => findings[code](facts, command),
  };
}
