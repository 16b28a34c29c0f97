import type { Operation } from './openapi-operation.js';

const id = { name: 'id', in: 'path', required: true, description: 'Its name in auth.json' } as const;
const admin = { tag: 'admin', error: 'OpenAiError' } as const;

/** Routes for administrators about the providers' credentials. People use the pages at `/auth`. */
export const CREDENTIAL_OPERATIONS: readonly Operation[] = [
  {
    ...admin,
    method: 'get',
    path: '/v1/admin/credentials',
    summary: 'The providers’ credentials: sign-ins, tokens’ lives and cool-downs, without secrets',
    answer: 'CredentialList',
  },
  {
    ...admin,
    method: 'post',
    path: '/v1/admin/credentials/{id}/reset',
    summary: 'Clear what is held against a credential, in every process that shares the state',
    answer: 'CredentialReset',
    parameters: [id],
  },
  {
    ...admin,
    method: 'post',
    path: '/v1/admin/credentials/{id}/refresh',
    summary: 'Get a new token now',
    answer: 'CredentialRefresh',
    parameters: [id],
  },
  {
    ...admin,
    method: 'post',
    path: '/v1/admin/credentials/{id}/test',
    summary: 'Ask the provider what it thinks of a credential, by its list of models',
    answer: 'CredentialTest',
    parameters: [id],
  },
];
