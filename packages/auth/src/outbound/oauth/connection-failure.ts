import { types } from 'node:util';
import type { ExchangeRequest } from './exchange.js';
import { OAuthError, type OAuthFailure } from '../oauth-error.js';

/** What happened before any byte of the request was sent. */
const NEVER_SENT = new Set([
  'ENOTFOUND',
  'EAI_AGAIN',
  'EAI_FAIL',
  'EAI_NODATA',
  'EAI_NONAME',
  'ENODATA',
  'ECONNREFUSED',
  'EACCES',
  'EPERM',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
  'UND_ERR_CONNECT_TIMEOUT',
  // TLS: the server's certificate is checked before the request goes out.
  'EPROTO',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'INVALID_CA',
  'INVALID_PURPOSE',
  'PATH_LENGTH_EXCEEDED',
  'HOSTNAME_MISMATCH',
]);
/** Handshakes that fail: the other side speaks no TLS, or none that we do. */
const HANDSHAKE =
  /^ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|\w*PROTOCOL\w*|\w*HANDSHAKE_FAILURE|\w*UNRECOGNIZED_NAME)$/;
const NEVER_SENT_PREFIXES = ['CERT_', 'ERR_TLS_', 'ERR_PROXY_', 'UND_ERR_PRX_'];
const TIMEOUTS = new Set(['ETIMEDOUT', 'UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT']);
const MAX_DEPTH = 8;

interface Step {
  readonly error: Error;
  readonly code: string;
}

/**
 * What a fetch that rejected means. A refused connection, an unknown name or a rejected certificate: the server surely never got the
 * request; a reset or an unreadable answer: it may have.
 */
export function connectionFailure(options: {
  readonly request: Pick<ExchangeRequest, 'what' | 'applies'>;
  readonly host: string;
  readonly error: unknown;
}): OAuthError {
  const { request, host } = options;
  const steps = [...stepsOf(options.error)];
  const told = steps.find((step) => step.code !== '');
  const code = told?.code ?? '';
  const garbled = steps.find(isParserError);
  let failure: OAuthFailure = 'unreachable';
  if (garbled !== undefined) failure = 'bad-answer';
  else if (TIMEOUTS.has(code)) failure = 'timeout';
  const why = code === '' ? '' : ` (${code})`;
  const text = garbled === undefined ? 'could not be reached' : 'did not answer in HTTP';
  return new OAuthError(`The ${request.what} at ${host} ${text}${why}.`, {
    failure,
    maybeApplied: request.applies && !neverSent(steps),
    cause: garbled === undefined ? (told ?? steps.at(-1))?.error : withoutData(garbled),
  });
}

function neverSent(steps: readonly Step[]): boolean {
  return steps.some(
    ({ error, code }) =>
      NEVER_SENT.has(code) ||
      HANDSHAKE.test(code) ||
      NEVER_SENT_PREFIXES.some((prefix) => code.startsWith(prefix)) ||
      (code === 'ETIMEDOUT' && 'syscall' in error && error.syscall === 'connect'),
  );
}

/** The error, its causes, and of several addresses that were tried the first. */
function* stepsOf(error: unknown): Generator<Step> {
  let current = error;
  for (let depth = 0; depth < MAX_DEPTH && types.isNativeError(current); depth += 1) {
    const code = 'code' in current && typeof current.code === 'string' ? current.code : '';
    yield { error: current, code };
    current = 'errors' in current && Array.isArray(current.errors) ? (current.errors[0] as unknown) : current.cause;
  }
}

function isParserError({ error, code }: Step): boolean {
  return error.name === 'HTTPParserError' || code.startsWith('HPE_');
}

/** The parser's error carries the bytes that it could not read: there may be tokens in them. */
function withoutData({ code }: Step): Error {
  return Object.assign(new Error('The answer is not HTTP'), { code: code === '' ? 'HPE_INVALID' : code });
}
