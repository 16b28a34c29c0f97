import type { ErrorCode, JobName } from '@moltbot/contracts';

/** What a thread is given when it starts. */
export interface ThreadTask {
  readonly name: JobName;
  readonly payload: unknown;
}

/** What a thread says; `result` or `error` is its last word. */
export type ThreadMessage =
  | { readonly type: 'progress'; readonly value: object }
  | {
      readonly type: 'log';
      readonly level: 'debug' | 'info' | 'warn';
      readonly message: string;
      readonly fields: object;
    }
  | {
      readonly type: 'artifact';
      readonly name: string;
      readonly contentType: string;
      readonly bytes: Uint8Array;
      /** Answered by a `stored` of this number. */
      readonly number: number;
    }
  /** Answered by an `answered` of this number. */
  | { readonly type: 'ask'; readonly question: string; readonly argument: unknown; readonly number: number }
  | { readonly type: 'result'; readonly value: unknown }
  /** `code` is missing where a stranger was thrown: then the text is for the log only. */
  | { readonly type: 'error'; readonly code?: ErrorCode | undefined; readonly message: string };

/** What a thread is told. */
export type ThreadAnswer =
  | {
      readonly type: 'stored';
      readonly number: number;
      readonly error?: ThreadError | undefined;
    }
  | {
      readonly type: 'answered';
      readonly number: number;
      readonly value?: unknown;
      readonly error?: ThreadError | undefined;
    };

export interface ThreadError {
  readonly code: ErrorCode;
  readonly message: string;
}
