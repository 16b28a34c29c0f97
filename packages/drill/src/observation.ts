import type { AttemptRecord, ErrorCode, FinishReason } from '@moltbot/contracts';

/** What one request came to, as it was measured. */
export interface Observation {
  /** In the order of their start. */
  readonly attempts: readonly AttemptRecord[];
  /** The text as its caller has it. */
  readonly text: string;
  readonly finish: FinishReason | undefined;
  readonly end:
    | { readonly type: 'complete'; readonly answeredBy: string; readonly costMicros: number | undefined }
    /** `begun`: part of the answer had gone out. */
    | { readonly type: 'error'; readonly code: ErrorCode; readonly begun: boolean }
    | { readonly type: 'hung' };
  readonly durationMs: number;
}
