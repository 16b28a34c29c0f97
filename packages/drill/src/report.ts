import type { ErrorCode } from '@moltbot/contracts';
import type { DrillMode, DrillRowId } from './rows.js';

/** One thing that was done about a failure, in order. */
export type DrillMove =
  /** The same model, with the same key. */
  | 'same-target'
  | 'refreshed'
  | 'other-credential'
  | 'next-target'
  | 'prefill'
  | 'continue'
  | 'anew'
  /** The caller was told. */
  | 'passed-on'
  | 'honest-end'
  | 'gave-up'
  /** Nothing had to be done. */
  | 'none';

export interface DrillAttempt {
  readonly target: string;
  /** Its name in auth.json, or `none`. */
  readonly credential: string;
  readonly outcome: string;
  readonly status?: number;
  /** With the operator's limits. */
  readonly ms: number;
}

/** What one caller would have seen. Times are those of the operator's limits, not of the drill's. */
export interface DrillRun {
  readonly row: DrillRowId | DrillSituation;
  /** The target that was broken; those before it in the chain are taken to be known as dead. */
  readonly target: string;
  /** Which of its keys: where there are several. */
  readonly credentials?: 'first' | 'all';
  readonly mode: DrillMode;
  readonly outcome:
    | 'answered'
    /** Told that the request itself can't be answered: its caller's matter. */
    | 'told'
    /** An error, or an honest end of a stream that had begun, though something was left to ask, or as the chain has only one. */
    | 'lost'
    /** The same, where what was broken is the last that was left: all before it were out already. */
    | 'nobody-left'
    /** The deadline of the whole request passed. */
    | 'too-late';
  readonly answeredBy?: string;
  readonly code?: ErrorCode;
  /** Until the first content of a stream, or the whole answer; none where nothing came. */
  readonly waitMs?: number;
  /** The longest silence after it. */
  readonly pauseMs?: number;
  readonly totalMs: number;
  readonly calls: number;
  readonly attempts: readonly DrillAttempt[];
  readonly moves: readonly DrillMove[];
  /** Of the answer, and of calls that came to nothing, in millionths of the currency; none where a price is missing. */
  readonly costMicros?: number;
  readonly wastedMicros?: number;
  /** Why it is not what docs/failover.md promises; empty: it is. */
  readonly problems: readonly DrillProblem[];
}

/** Situations of the whole chain. */
export type DrillSituation = 'outage' | 'everything-down' | 'caller-gone';
export const DRILL_SITUATIONS = [
  'outage',
  'everything-down',
  'caller-gone',
] as const satisfies readonly DrillSituation[];

export type DrillProblem =
  | 'wrong-kind'
  | 'too-many-calls'
  | 'not-repeated'
  | 'not-answered'
  | 'answered'
  | 'wrong-code'
  | 'wrong-text'
  | 'false-end'
  | 'hung'
  /** A target that is known to be dead was called again and again. */
  | 'dead-calls'
  /** The upstream was not cancelled in time. */
  | 'not-cancelled';

export type DrillFindingCode =
  | 'promise-broken'
  | 'one-target'
  | 'one-provider'
  | 'one-address'
  | 'one-credential'
  | 'not-ready'
  | 'answer-lost'
  | 'deadline'
  | 'waits-too-long'
  | 'long-wait'
  | 'no-room'
  | 'no-policy-chain'
  | 'no-price'
  | 'simulated';

export interface DrillFinding {
  readonly severity: 'error' | 'warning' | 'note';
  readonly code: DrillFindingCode;
  /** Targets, providers or rows that it is about. */
  readonly about: readonly string[];
  readonly waitMs?: number;
  /** Lines of config.yml (or of auth.json) that change it. */
  readonly change?: string;
}

export interface DrillTarget {
  readonly target: string;
  readonly provider: string;
  readonly dialect: string;
  readonly credentials: readonly string[];
  /** Whether a call to it could be paid for. */
  readonly ready: boolean;
}

export interface DrillReport {
  readonly verdict: 'passed' | 'failed';
  readonly chain: string;
  readonly form: 'full' | 'quick';
  /** The operator's limits ran out so many times faster. */
  readonly scale: number;
  readonly durationMs: number;
  readonly targets: readonly DrillTarget[];
  readonly counts: {
    readonly runs: number;
    readonly asPromised: number;
    readonly answered: number;
    readonly told: number;
    readonly lost: number;
    readonly nobodyLeft: number;
  };
  readonly runs: readonly DrillRun[];
  /** Rows that mean nothing for a target. */
  readonly skipped: readonly {
    readonly row: DrillRowId | DrillSituation;
    readonly target: string;
    readonly why: DrillSkip;
  }[];
  readonly findings: readonly DrillFinding[];
}

export type DrillSkip =
  /** The provider's API has no code for it. */
  | 'no-code'
  | 'no-key'
  | 'no-account'
  | 'not-ready'
  | 'not-local'
  | 'last-target'
  | 'breaker-too-patient'
  | 'no-prefill';
