import type { Locale } from '@moltbot/config';
import type {
  DrillFindingCode,
  DrillMove,
  DrillProblem,
  DrillRowId,
  DrillRun,
  DrillSituation,
  DrillSkip,
} from '@moltbot/drill';
import { chinese } from './zh.js';
import { english } from './en.js';

export interface DrillTexts {
  readonly rows: Readonly<Record<DrillRowId | DrillSituation, string>>;
  readonly moves: Readonly<Record<DrillMove, string>>;
  readonly problems: Readonly<Record<DrillProblem, string>>;
  readonly skips: Readonly<Record<DrillSkip, string>>;
  readonly modes: Readonly<Record<DrillRun['mode'], string>>;
  readonly credentials: Readonly<Record<'first' | 'all', string>>;
  readonly findings: Readonly<
    Record<DrillFindingCode, (about: string, wait: string) => { readonly message: string; readonly action: string }>
  >;
  readonly title: (chain: string, members: string) => string;
  readonly apart: string;
  readonly scaled: (scale: number) => string;
  readonly keys: (names: string) => string;
  readonly noKey: string;
  readonly notReady: string;
  readonly wholeChain: string;
  readonly answered: (model: string, wait: string) => string;
  readonly pause: (wait: string) => string;
  readonly told: (code: string) => string;
  readonly lost: (code: string) => string;
  readonly nobodyLeft: (code: string) => string;
  readonly tooLate: (code: string) => string;
  readonly calls: (count: number) => string;
  readonly cost: (cost: string) => string;
  readonly wasted: (cost: string) => string;
  readonly skipped: (rows: string, why: string) => string;
  readonly change: string;
  readonly passed: string;
  readonly failed: string;
  readonly counts: (counts: {
    readonly runs: number;
    readonly asPromised: number;
    readonly answered: number;
    readonly told: number;
    readonly lost: number;
    readonly nobodyLeft: number;
    readonly seconds: string;
  }) => string;
  readonly progress: (progress: { readonly done: number; readonly of: number; readonly what: string }) => string;
  readonly unknownDrill: (name: string) => string;
  readonly unknownRow: (name: string) => string;
  readonly badWait: (text: string) => string;
  readonly quickPart: string;
}

export function drillTexts(locale: Locale): DrillTexts {
  return locale === 'zh' ? chinese : english;
}
