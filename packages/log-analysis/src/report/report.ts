import type { LevelName, LogFormat } from '../formats/log-record.js';
import type { VariableType } from '../scanner/variable-types.js';
import type { SourceReport } from '../analysis/analyze-source.js';

/** Grows when a field changes its meaning or goes; new fields do not count. */
export const REPORT_VERSION = 1;

/** What an analysis found. Times are ISO 8601 in UTC, durations milliseconds, shares 0 … 1. Texts are log text: data, to be escaped. */
export interface LogReport {
  readonly version: typeof REPORT_VERSION;
  readonly generatedAt: string;
  readonly sources: readonly SourceReport[];
  readonly window: {
    readonly since: string | null;
    readonly until: string | null;
    /** Of the same logs; null where no window was named, or no line had a time. `from` is null for the beginning. */
    readonly baseline: { readonly from: string | null; readonly to: string | null } | null;
  };
  readonly time: { readonly first: string | null; readonly last: string | null; readonly bucketMinutes: number };
  readonly coverage: CoverageReport;
  readonly formats: readonly { readonly format: LogFormat; readonly records: number }[];
  readonly levels: Readonly<Record<LevelName, number>>;
  readonly errorRate: number;
  readonly latency: LatencyReport | null;
  /** Counts per bucket, from `start`. */
  readonly timeline: {
    readonly start: string | null;
    readonly lines: readonly number[];
    readonly errors: readonly number[];
  };
  readonly templates: readonly TemplateReport[];
  readonly templatesOmitted: number;
  readonly routes: readonly RouteReport[];
  readonly loggers: readonly { readonly logger: string; readonly count: number }[];
  /** Null without a baseline. */
  readonly changes: ChangesReport | null;
  readonly spikes: readonly SpikeReport[];
  /** Templates that rise together. */
  readonly risingTogether: readonly {
    readonly at: string;
    readonly templateIds: readonly string[];
    readonly correlation: number;
  }[];
  readonly oddSequences: readonly OddSequenceReport[];
  readonly traces: readonly TraceReport[];
  /** What a model wrote; null where none was asked. */
  readonly summary: SummaryReport | null;
}

export interface SummaryReport {
  /** `provider:model` that answered, as far as it is known. */
  readonly model: string | null;
  /** Each cites templates of the report. The text is a model's: to be escaped, and not to be relied on. */
  readonly claims: readonly { readonly text: string; readonly templateIds: readonly string[] }[];
  /** Claims that were left out: without a template's id, or with one that is not in the report. */
  readonly removed: { readonly uncited: number; readonly unknown: number };
  /** Why there is none. */
  readonly error: { readonly code: string; readonly message: string } | null;
}

export interface CoverageReport {
  readonly lines: number;
  readonly records: number;
  readonly continuations: number;
  readonly emptyLines: number;
  readonly unparsedLines: number;
  readonly recordsWithoutMessage: number;
  readonly recordsWithoutTime: number;
  readonly recordsOutsideWindow: number;
  readonly linesOverLimit: number;
  readonly truncatedLines: number;
  readonly invalidUtf8Lines: number;
  readonly binaryLines: number;
  readonly messagesCut: number;
  readonly timesOutlying: number;
  readonly baselineRecords: number;
  readonly templates: number;
  readonly merges: number;
  readonly evictedTemplates: number;
  readonly evictedRecords: number;
  readonly forgottenKeys: number;
  readonly valuesNotCounted: number;
  readonly routesNotCounted: number;
  /** Share of the records whose template is in `templates`. */
  readonly shown: number;
}

export interface LatencyReport {
  readonly count: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
  readonly mean: number;
}

export interface TemplateReport {
  readonly id: string;
  /** Ids of templates that became part of it. */
  readonly formerIds: readonly string[];
  readonly template: string;
  readonly count: number;
  readonly share: number;
  readonly baselineCount: number;
  readonly errors: number;
  readonly warnings: number;
  readonly errorRate: number;
  readonly first: string | null;
  readonly last: string | null;
  readonly firstLine: number;
  readonly lastLine: number;
  readonly latency: LatencyReport | null;
  /** With secrets of the usual shapes masked. */
  readonly samples: readonly string[];
  readonly variables: readonly VariableReport[];
  readonly timeline: readonly number[];
}

export interface VariableReport {
  readonly type: VariableType;
  /** The most frequent; `count` may be too high by `error`. */
  readonly top: readonly { readonly value: string; readonly count: number; readonly error: number }[];
}

export interface RouteReport {
  readonly route: string;
  readonly count: number;
  readonly errors: number;
  readonly errorRate: number;
  readonly latency: LatencyReport | null;
}

export interface ChangesReport {
  readonly new: readonly ChangeReport[];
  readonly vanished: readonly ChangeReport[];
}

export interface ChangeReport {
  readonly id: string;
  readonly template: string;
  readonly count: number;
  readonly baselineCount: number;
}

export interface SpikeReport {
  /** Null: all lines. */
  readonly templateId: string | null;
  readonly template: string | null;
  readonly at: string;
  readonly count: number;
  readonly usual: number;
  readonly z: number;
}

export interface OddSequenceReport {
  /** Null: the first line of an id. */
  readonly fromId: string | null;
  readonly toId: string;
  readonly from: string | null;
  readonly to: string;
  readonly count: number;
  readonly share: number;
  readonly exampleId: string;
}

export interface TraceReport {
  readonly id: string;
  readonly lines: number;
  readonly errors: number;
  readonly odd: boolean;
  readonly steps: readonly {
    readonly at: string | null;
    readonly level: LevelName;
    readonly templateId: string;
    readonly template: string;
  }[];
}
