import type { FailureKind } from '../failure.js';

const KINDS: Readonly<Record<number, FailureKind>> = {
  400: 'invalid-request',
  401: 'credential-rejected',
  402: 'quota-exhausted',
  403: 'credential-rejected',
  404: 'model-not-found',
  408: 'response-timeout',
  410: 'model-not-found',
  413: 'invalid-request',
  422: 'invalid-request',
  429: 'rate-limited',
  503: 'overloaded',
  504: 'overloaded',
  529: 'overloaded',
};

/** What a status says where the body says nothing more exact; unknown ones count as a 500. */
export function failureOfStatus(status: number): FailureKind {
  return KINDS[status] ?? 'server-error';
}
