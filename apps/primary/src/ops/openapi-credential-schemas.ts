const text = { type: 'string' } as const;
const maybeText = { type: ['string', 'null'] } as const;
const maybeTime = { type: ['string', 'null'], format: 'date-time' } as const;

const CREDENTIAL = {
  type: 'object',
  required: ['id', 'object', 'provider', 'type', 'state', 'cooldowns'],
  properties: {
    id: { ...text, description: 'Its name in auth.json.' },
    object: { const: 'credential' },
    provider: text,
    type: { enum: ['api_key', 'oauth'] },
    state: {
      enum: ['ok', 'expiring', 'expired', 'revoked', 'signed-out', 'unresolved', 'unknown'],
      description:
        '`expiring`: little of its life is left, and it does not renew itself. `unresolved`: what auth.json refers to can’t be had. `unknown`: the token store does not answer.',
    },
    account: { type: ['object', 'null'], properties: { subject: maybeText, email: maybeText } },
    scopes: { type: 'array', items: text, description: 'As granted.' },
    issued_at: maybeTime,
    expires_at: maybeTime,
    refreshable: { type: 'boolean', description: 'Whether it gets new tokens without a person.' },
    last_failure: {
      type: ['object', 'null'],
      properties: {
        at: { ...text, format: 'date-time' },
        count: { type: 'integer', description: 'How many in a row.' },
        failure: text,
        code: maybeText,
        status: { type: ['integer', 'null'] },
      },
    },
    refreshing_since: maybeTime,
    revoked_why: { enum: ['refused', 'lost-answer', null] },
    problem: maybeText,
    cooldowns: {
      type: 'array',
      description: 'What this server holds against it.',
      items: {
        type: 'object',
        properties: {
          model: { ...maybeText, description: '`provider:model`; null: the credential as a whole.' },
          state: { enum: ['out', 'cooling'] },
          reason: { ...text, description: 'A kind of failure, see docs/failover.md.' },
          until: { ...text, format: 'date-time' },
        },
      },
    },
  },
} as const;

/** JSON Schemas of the routes for providers' credentials. */
export const CREDENTIAL_SCHEMAS = {
  Credential: CREDENTIAL,
  CredentialList: {
    type: 'object',
    required: ['object', 'data'],
    properties: {
      object: { const: 'list' },
      data: { type: 'array', items: { $ref: '#/components/schemas/Credential' } },
      has_more: { const: false },
      store_error: {
        type: ['object', 'null'],
        description: 'Why the token store could not be read.',
        properties: { code: text, message: text },
      },
    },
  },
  CredentialReset: {
    type: 'object',
    properties: {
      id: text,
      cleared: { type: 'integer', description: 'How much was held against it here.' },
      shared: { type: 'boolean', description: 'Whether the other processes have been told.' },
    },
  },
  CredentialRefresh: {
    type: 'object',
    properties: {
      id: text,
      result: { enum: ['refreshed', 'failed', 'not-possible'] },
      credential: { $ref: '#/components/schemas/Credential' },
    },
  },
  CredentialTest: {
    type: 'object',
    properties: {
      id: text,
      outcome: { enum: ['accepted', 'rejected', 'forbidden', 'unknown'] },
      status: { type: ['integer', 'null'], description: 'Where it was refused.' },
      models: { type: ['integer', 'null'], description: 'How many the provider listed.' },
      why: { ...maybeText, description: 'Why nothing can be told.' },
      duration_ms: { type: 'integer' },
    },
  },
} as const;
