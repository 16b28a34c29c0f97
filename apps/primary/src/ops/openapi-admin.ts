import type { Operation } from './openapi-operation.js';

const id = { name: 'id', in: 'path', required: true, description: 'Id of a key, `key_…`' } as const;
const force = {
  name: 'force',
  in: 'query',
  required: false,
  description: '`true`: also where no usable key with the scope `admin` would be left (else 409)',
} as const;
const limit = { name: 'limit', in: 'query', required: false, description: '1 to 1000; 100' } as const;
const query = (name: string, description: string) => ({ name, in: 'query', required: false, description }) as const;

const admin = { tag: 'admin', error: 'OpenAiError' } as const;

/** Routes for administrators: a key or token with the scope `admin`; in open access this machine's user. */
export const ADMIN_OPERATIONS: readonly Operation[] = [
  {
    ...admin,
    method: 'get',
    path: '/v1/admin/keys',
    summary: 'API keys, newest first, the revoked ones too',
    answer: 'ApiKeyList',
    parameters: [limit, query('after', 'Id of the last key of the page before')],
  },
  {
    ...admin,
    method: 'post',
    path: '/v1/admin/keys',
    summary: 'Create an API key; its secret is in this answer only',
    body: 'NewApiKey',
    answer: 'ApiKeyWithSecret',
    status: 201,
  },
  {
    ...admin,
    method: 'get',
    path: '/v1/admin/keys/{id}',
    summary: 'One API key',
    answer: 'ApiKey',
    parameters: [id],
  },
  {
    ...admin,
    method: 'patch',
    path: '/v1/admin/keys/{id}',
    summary:
      'Change a key: what is not named stays, null takes a restriction away; in force everywhere within a second',
    body: 'ApiKeyChanges',
    answer: 'ApiKey',
    parameters: [id, force],
  },
  {
    ...admin,
    method: 'delete',
    path: '/v1/admin/keys/{id}',
    summary: 'Revoke a key; refused everywhere within a second',
    answer: 'ApiKey',
    parameters: [id, force],
  },
  {
    ...admin,
    method: 'post',
    path: '/v1/admin/keys/{id}/rotate',
    summary: 'Give a key another secret; the former one may be taken for a while',
    body: 'ApiKeyRotation',
    bodyOptional: true,
    answer: 'ApiKeyWithSecret',
    parameters: [id],
  },
  {
    ...admin,
    method: 'get',
    path: '/v1/admin/audit',
    summary: 'The audit log, newest first: refused requests and administrative acts',
    answer: 'AuditLog',
    parameters: [
      limit,
      query('after', '`next_after` of the page before'),
      query('actor', '`key_…`, `sub_…`, `local` or `unknown`'),
      query('action', 'An action, or the part before the dot: `key`, `key.create`, `request`'),
      query('outcome', '`allowed` or `denied`'),
      query('since', 'From then on: a time, or how long ago (`1h`)'),
      query('until', 'Before then: a time, or how long ago'),
    ],
  },
];
