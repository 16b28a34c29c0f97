import type { Usage } from './messages.js';

/** One call to one target, for the ledger: every attempt is one row, also the failed and the cancelled. */
export interface AttemptRecord {
  readonly requestId: string;
  /** 0, 1, 2 … within the request. */
  readonly index: number;
  /** Unix time in ms. */
  readonly startedAt: number;
  readonly provider: string;
  readonly model: string;
  /** `chat`, `embeddings`, `count-tokens`. */
  readonly operation?: string | undefined;
  /** Name of the credential in auth.json (`openai`, `openai:team-b`), or `none`. Never the secret. */
  readonly credential: string;
  /** `ok`, a FailureKind, or the code of the error for which nothing was sent (`credential_expired`). */
  readonly outcome: string;
  readonly status?: number | undefined;
  /** Why no connection came about, where none did: `certificate-expired`, `proxy: proxy-login-required`. */
  readonly connection?: string | undefined;
  readonly durationMs: number;
  readonly firstContentMs?: number | undefined;
  /** Of streams: why the model ended, as it says (`stop`, `length`, …). */
  readonly finishReason?: string | undefined;
  /** Of streams: the longest wait for the provider between two contents. */
  readonly longestGapMs?: number | undefined;
  readonly usage?: Usage | undefined;
  /** Millionths of the price currency; undefined where no price is configured. */
  readonly costMicros?: number | undefined;
  /** How this attempt took part: the first answer, or a rung of the rescue ladder. */
  readonly role: 'answer' | 'prefill' | 'continue' | 'anew';
}

/** One accepted request: it ends answered, refused or failed, and this row says which. */
export interface RequestRecord {
  readonly requestId: string;
  readonly startedAt: number;
  readonly durationMs: number;
  /** `chat`, `embeddings`, `count-tokens`. */
  readonly operation: string;
  readonly dialect: string;
  readonly chain: string;
  /** Id of the caller's API key; undefined where access is open. */
  readonly apiKeyId?: string | undefined;
  readonly stream: boolean;
  /** `complete`, `rescued`, `failed`, `interrupted`, `cancelled`. */
  readonly outcome: string;
  /** Of streams: when the first content went out, from the request on. */
  readonly firstContentMs?: number | undefined;
  /** Of streams that had begun: `complete`, `joined`, `replaced`, `cut`, `stalled`, `cancelled`. */
  readonly streamEnd?: string | undefined;
  /** An ErrorCode, where it failed. */
  readonly errorCode?: string | undefined;
  /** `provider:model` that wrote the answer (the last one, where several did). */
  readonly servedBy?: string | undefined;
  readonly attempts: number;
  readonly usage?: Usage | undefined;
  readonly costMicros?: number | undefined;
}
