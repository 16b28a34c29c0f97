import type { Statement } from './database.js';

// One statement per table takes a whole batch as one JSON text: the records go as they are (contracts/usage-records) and
// the server takes them apart, off our event loop. Rows that are there already are left alone, so a batch may come twice.
// Counts go through numeric: an upstream may report 12.5 tokens, and a cast of that text to bigint is refused.

const USAGE = `
    (usage->>'inputTokens')::numeric::bigint, (usage->>'outputTokens')::numeric::bigint,
    (usage->>'cachedInputTokens')::numeric::bigint, (usage->>'cacheWriteTokens')::numeric::bigint,
    (usage->>'reasoningTokens')::numeric::bigint, usage->>'source', "costMicros"::bigint`;

const USAGE_COLUMNS =
  'input_tokens, output_tokens, cached_input_tokens, cache_write_tokens, reasoning_tokens, usage_source, cost_micros';

export const LEDGER_STATEMENTS = {
  attempts: {
    name: 'moltbot_ledger_attempts',
    text: `insert into attempts (request_id, index, started_at, provider, model, credential, outcome, status, duration_ms,
    first_content_ms, role, ${USAGE_COLUMNS})
  select "requestId", "index", to_timestamp("startedAt" / 1000), provider, model, credential, outcome, status, "durationMs",
    "firstContentMs", role, ${USAGE}
  from json_to_recordset($1::json) as record ("requestId" text, "index" integer, "startedAt" float8, provider text,
    model text, credential text, outcome text, status integer, "durationMs" float8, "firstContentMs" float8, role text,
    usage json, "costMicros" numeric)
  on conflict (request_id, index) do nothing`,
  },
  requests: {
    name: 'moltbot_ledger_requests',
    text: `insert into requests (request_id, started_at, duration_ms, operation, dialect, chain, api_key_id, stream, outcome,
    error_code, served_by, attempts, ${USAGE_COLUMNS})
  select "requestId", to_timestamp("startedAt" / 1000), "durationMs", operation, dialect, chain, "apiKeyId", stream, outcome,
    "errorCode", "servedBy", attempts, ${USAGE}
  from json_to_recordset($1::json) as record ("requestId" text, "startedAt" float8, "durationMs" float8, operation text,
    dialect text, chain text, "apiKeyId" text, stream boolean, outcome text, "errorCode" text, "servedBy" text,
    attempts integer, usage json, "costMicros" numeric)
  on conflict (request_id) do nothing`,
  },
} as const satisfies Record<string, Statement>;
