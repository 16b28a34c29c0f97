const text = { type: 'string' } as const;
const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });
const nullable = { type: ['string', 'null'] } as const;
const instant = { type: ['string', 'null'], format: 'date-time' } as const;
const whole = { type: 'integer', minimum: 1 } as const;
const money = { type: 'number', exclusiveMinimum: 0 } as const;

const scopes = { type: 'array', items: { enum: ['chat', 'jobs', 'admin'] }, minItems: 1 } as const;
const models = {
  type: ['array', 'null'],
  items: text,
  maxItems: 256,
  description:
    'What the key may name: chains (`default` too), `provider:model`, bare names, `provider:*`. A permitted chain may be used whatever is in it. Null: everything.',
} as const;
const limits = { oneOf: [ref('KeyLimits'), { type: 'null' }] } as const;
const expiry = {
  expires_at: instant,
  expires_in: { ...text, description: 'Instead of `expires_at`: a lifetime from now, like `90d`.' },
} as const;

const key = {
  id: text,
  object: { const: 'api_key' },
  name: text,
  prefix: { ...text, description: 'The first characters of the secret.' },
  state: { enum: ['active', 'expired', 'revoked'] },
  scopes,
  models,
  limits,
  created_at: instant,
  expires_at: instant,
  revoked_at: instant,
  rotated_at: instant,
  former_secret_until: instant,
  last_used_at: instant,
} as const;

const list = (name: string) => ({
  type: 'object',
  required: ['object', 'data', 'has_more'],
  properties: {
    object: { const: 'list' },
    data: { type: 'array', items: ref(name) },
    has_more: { type: 'boolean' },
  },
});

/** JSON Schemas of the routes for administrators. */
export const ADMIN_SCHEMAS = {
  KeyLimits: {
    type: 'object',
    additionalProperties: false,
    properties: {
      requests_per_minute: whole,
      tokens_per_minute: whole,
      parallel_requests: whole,
      budget_per_day: money,
      budget_per_month: money,
    },
  },
  NewApiKey: {
    type: 'object',
    required: ['name'],
    additionalProperties: false,
    properties: { name: { ...text, minLength: 1, maxLength: 100 }, scopes, models, limits, ...expiry },
  },
  ApiKeyChanges: {
    type: 'object',
    additionalProperties: false,
    properties: { name: { ...text, minLength: 1, maxLength: 100 }, scopes, models, limits, ...expiry },
  },
  ApiKeyRotation: {
    type: 'object',
    additionalProperties: false,
    properties: { grace: { ...text, description: 'How long the former secret is taken, like `1h`; at most 30d.' } },
  },
  ApiKey: { type: 'object', required: ['id', 'name', 'state', 'scopes'], properties: key },
  ApiKeyWithSecret: {
    type: 'object',
    required: ['id', 'name', 'state', 'scopes', 'key'],
    properties: { ...key, key: { ...text, description: 'The secret; shown only now.' } },
  },
  ApiKeyList: list('ApiKey'),
  AuditEntry: {
    type: 'object',
    required: ['id', 'at', 'actor', 'action', 'outcome', 'count'],
    properties: {
      id: text,
      object: { const: 'audit_entry' },
      at: instant,
      actor: { ...text, description: '`key_…`, `sub_…`, `local` (this machine’s user) or `unknown`.' },
      actor_name: nullable,
      source: { ...nullable, description: 'The address that it came from.' },
      action: { ...text, description: '`request`, or an act: `key.create`.' },
      target: nullable,
      outcome: { enum: ['allowed', 'denied'] },
      error_code: nullable,
      request_id: nullable,
      count: { ...whole, description: 'How many alike the entry stands for.' },
      detail: { type: ['object', 'null'] },
    },
  },
  AuditLog: {
    ...list('AuditEntry'),
    properties: { ...list('AuditEntry').properties, next_after: { ...nullable, description: 'For the next page.' } },
  },
} as const;
