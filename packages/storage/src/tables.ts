import type { KeyLimits } from '@moltbot/config';
import type { AuditRecord } from '@moltbot/contracts';
import type { ColumnType, Generated } from 'kysely';

/** The tables as the migrations make them. Instants are timestamptz; token counts and costs are bigint, read as numbers. */
export interface Tables {
  readonly api_keys: ApiKeysTable;
  readonly audit_log: AuditLogTable;
  readonly attempts: AttemptsTable;
  readonly requests: RequestsTable;
}

export interface ApiKeysTable {
  readonly id: string;
  readonly name: string;
  readonly hash: string;
  readonly prefix: string;
  readonly scopes: string[];
  readonly models: string[] | null;
  readonly limits: ColumnType<KeyLimits | null, string | null | undefined, string | null>;
  readonly created_at: Generated<Date>;
  readonly expires_at: Date | null;
  readonly revoked_at: ColumnType<Date | null, never, Date>;
  readonly last_used_at: ColumnType<Date | null, never, Date>;
  readonly rotated_at: ColumnType<Date | null, never, Date>;
  /** The hash of the secret before the last rotation, taken until `previous_until`. */
  readonly previous_hash: ColumnType<string | null, never, string | null>;
  readonly previous_until: ColumnType<Date | null, never, Date | null>;
}

interface AuditLogTable {
  readonly id: string;
  readonly at: Date;
  readonly actor: string;
  readonly actor_name: string | null;
  readonly source: string | null;
  readonly action: string;
  readonly target: string | null;
  readonly outcome: 'allowed' | 'denied';
  readonly error_code: string | null;
  readonly request_id: string | null;
  readonly count: number;
  readonly detail: AuditRecord['detail'] | null;
}

interface TokenColumns {
  readonly input_tokens: number | null;
  readonly output_tokens: number | null;
  readonly cached_input_tokens: number | null;
  readonly cache_write_tokens: number | null;
  readonly reasoning_tokens: number | null;
  /** `provider` or `estimated`. */
  readonly usage_source: string | null;
  /** Millionths of the price currency. */
  readonly cost_micros: number | null;
}

interface AttemptsTable extends TokenColumns {
  readonly request_id: string;
  readonly index: number;
  readonly started_at: Date;
  readonly provider: string;
  readonly model: string;
  readonly credential: string;
  readonly outcome: string;
  readonly status: number | null;
  readonly duration_ms: number;
  readonly first_content_ms: number | null;
  readonly role: string;
}

interface RequestsTable extends TokenColumns {
  readonly request_id: string;
  readonly started_at: Date;
  readonly duration_ms: number;
  readonly operation: string;
  readonly dialect: string;
  readonly chain: string;
  readonly api_key_id: string | null;
  readonly stream: boolean;
  readonly outcome: string;
  readonly error_code: string | null;
  readonly served_by: string | null;
  readonly attempts: number;
}
