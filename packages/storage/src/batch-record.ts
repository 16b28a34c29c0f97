import type { KeyLimits } from '@moltbot/config';

export const BATCH_STATUSES = [
  'validating',
  'failed',
  'in_progress',
  'finalizing',
  'completed',
  'expired',
  'cancelling',
  'cancelled',
] as const;
export type BatchStatus = (typeof BATCH_STATUSES)[number];
/** Those that a batch ends in. */
export type BatchEnd = 'completed' | 'failed' | 'expired' | 'cancelled';

/** What the caller of a batch was allowed when it was made; of a key, what it is allowed now goes first. */
export interface BatchCaller {
  readonly name: string;
  readonly models?: readonly string[] | undefined;
  readonly limits?: KeyLimits | undefined;
}

/** Why a batch as a whole failed. */
export interface BatchError {
  readonly code: string;
  readonly message: string;
  readonly line?: number | undefined;
  readonly param?: string | undefined;
}

/** A batch of requests. Times are Unix ms. */
export interface BatchRecord {
  /** `batch_` and 24 hex digits. */
  readonly id: string;
  readonly owner: string | undefined;
  readonly caller: BatchCaller | undefined;
  readonly requestHash: string;
  readonly endpoint: string;
  readonly inputFileId: string;
  readonly inputKey: string;
  readonly completionWindow: string;
  readonly metadata: Readonly<Record<string, string>> | undefined;
  readonly status: BatchStatus;
  readonly errors: readonly BatchError[] | undefined;
  readonly total: number;
  readonly completed: number;
  readonly failed: number;
  readonly outputFileId: string | undefined;
  readonly errorFileId: string | undefined;
  readonly outputExpiresMs: number | undefined;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly inProgressAt: number | undefined;
  readonly finalizingAt: number | undefined;
  readonly cancellingAt: number | undefined;
  readonly endedAt: number | undefined;
}

export interface NewBatch {
  readonly id: string;
  readonly owner: string | undefined;
  readonly caller: BatchCaller | undefined;
  readonly idempotencyKey: string | undefined;
  /** Of what was asked, to tell a repetition from another request under the same key. */
  readonly requestHash: string;
  readonly endpoint: string;
  readonly inputFileId: string;
  readonly inputKey: string;
  readonly completionWindow: string;
  readonly metadata: Readonly<Record<string, string>> | undefined;
  readonly outputExpiresMs: number | undefined;
  /** Unix ms. */
  readonly expiresAt: number;
}

export interface BatchRow {
  readonly id: string;
  readonly owner: string | null;
  readonly caller: BatchCaller | null;
  readonly request_hash: string;
  readonly endpoint: string;
  readonly input_file_id: string;
  readonly input_key: string;
  readonly completion_window: string;
  readonly metadata: Readonly<Record<string, string>> | null;
  readonly status: BatchStatus;
  readonly errors: readonly BatchError[] | null;
  readonly total: number;
  readonly completed: number;
  readonly failed: number;
  readonly output_file_id: string | null;
  readonly error_file_id: string | null;
  readonly output_expires_ms: number | null;
  readonly created_at: Date;
  readonly expires_at: Date;
  readonly in_progress_at: Date | null;
  readonly finalizing_at: Date | null;
  readonly cancelling_at: Date | null;
  readonly ended_at: Date | null;
}

export function toBatch(row: BatchRow): BatchRecord {
  return {
    id: row.id,
    owner: row.owner ?? undefined,
    caller: row.caller ?? undefined,
    requestHash: row.request_hash,
    endpoint: row.endpoint,
    inputFileId: row.input_file_id,
    inputKey: row.input_key,
    completionWindow: row.completion_window,
    metadata: row.metadata ?? undefined,
    status: row.status,
    errors: row.errors ?? undefined,
    total: row.total,
    completed: row.completed,
    failed: row.failed,
    outputFileId: row.output_file_id ?? undefined,
    errorFileId: row.error_file_id ?? undefined,
    outputExpiresMs: row.output_expires_ms ?? undefined,
    createdAt: row.created_at.getTime(),
    expiresAt: row.expires_at.getTime(),
    inProgressAt: row.in_progress_at?.getTime(),
    finalizingAt: row.finalizing_at?.getTime(),
    cancellingAt: row.cancelling_at?.getTime(),
    endedAt: row.ended_at?.getTime(),
  };
}
