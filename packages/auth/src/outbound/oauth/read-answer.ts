import { types } from 'node:util';
import { OAuthError, type OAuthErrorFacts } from '../oauth-error.js';
import type { Answer, ExchangeRequest } from './exchange.js';
import { cleanDescription, knownCode } from './error-texts.js';

const LARGEST_BODY = 1_048_576;
const LONGEST_RETRY_AFTER_MS = 86_400_000;
const JSON_TYPE = /^(application\/([\w.+-]+\+)?json|text\/json)$/;

interface ReadOptions {
  readonly request: ExchangeRequest;
  readonly host: string;
  readonly response: Response;
  readonly now: () => number;
}

/**
 * The JSON of a 2xx answer; everything else is an `OAuthError`. The server has done nothing where it says 4xx (also with an OAuth
 * error under status 200); it may have done what was asked where it says 5xx, or 2xx in words that can't be read.
 */
export async function readAnswer({ request, host, response, now }: ReadOptions): Promise<Answer> {
  const { status, headers } = response;
  const isClientError = status >= 400 && status < 500;
  const fail = (text: string, facts: Omit<OAuthErrorFacts, 'maybeApplied' | 'status'> & { maybeApplied?: boolean }) =>
    new OAuthError(`The ${request.what} at ${host} ${text}.`, {
      status,
      maybeApplied: request.applies && !isClientError,
      ...facts,
    });

  if (status === 429 || status >= 500) {
    const retryAfterMs = retryAfter(headers, now());
    return drop(response, fail(`answered ${status}`, { failure: 'unavailable', retryAfterMs }));
  }
  if (status >= 300 && !isClientError) {
    return drop(response, fail(`answered with a redirect (${status})`, { failure: 'bad-answer' }));
  }

  let text: string | undefined;
  try {
    text = await readText(response);
  } catch (cause) {
    throw fail('broke off in the middle of its answer', { failure: 'bad-answer', cause: codeOnly(cause) });
  }
  if (text === undefined) throw fail(`answered more than ${LARGEST_BODY} bytes`, { failure: 'bad-answer' });
  const receivedAt = now();
  if (text.trim() === '' && !isClientError)
    return { json: undefined, receivedAt, serverAheadMs: ahead(headers, receivedAt) };

  const type = (headers.get('content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (request.anyAnswer === true && !isClientError && type !== 'text/html') {
    return { json: undefined, receivedAt, serverAheadMs: undefined };
  }
  const json = JSON_TYPE.test(type) ? parseObject(text) : undefined;
  if (json === undefined) {
    const found = type === 'text/html' ? 'an HTML page' : type === '' ? 'no content type' : 'no readable JSON';
    throw fail(`answered ${status} with ${found} instead of an OAuth answer`, { failure: 'bad-answer' });
  }

  const error = !isClientError && 'access_token' in json ? undefined : errorOf(json);
  if (error === undefined) {
    if (isClientError) throw fail(`answered ${status} without an OAuth error`, { failure: 'bad-answer' });
    return { json, receivedAt, serverAheadMs: ahead(headers, receivedAt) };
  }
  const code = knownCode(error.code);
  const passing = code === 'temporarily_unavailable' || code === 'server_error';
  throw fail(`refused: ${code}`, {
    failure: passing ? 'unavailable' : 'refused',
    ...(passing ? { retryAfterMs: retryAfter(headers, receivedAt) } : { code }),
    description: cleanDescription(error.description, request.secrets),
    maybeApplied: false,
  });
}

/** Also as an object with `code` or `type`, as some providers have it. */
function errorOf(json: Readonly<Record<string, unknown>>): { code: string; description: unknown } | undefined {
  const { error } = json;
  if (typeof error === 'string' && error !== '') return { code: error, description: json['error_description'] };
  if (typeof error !== 'object' || error === null) return undefined;
  const { code, type, message } = error as Record<string, unknown>;
  const named = [code, type].filter((name) => typeof name === 'string');
  return { code: named.find((name) => knownCode(name) !== 'other') ?? 'other', description: message };
}

async function readText(response: Response): Promise<string | undefined> {
  if (response.body === null) return '';
  const decoder = new TextDecoder();
  let text = '';
  let size = 0;
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    if (size > LARGEST_BODY) return undefined;
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === 'object' && json !== null && !Array.isArray(json)
      ? (json as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Seconds, or a date by the server's own clock (RFC 9110, 10.2.3). */
function retryAfter(headers: Headers, now: number): number | undefined {
  const text = headers.get('retry-after')?.trim();
  if (text === undefined || text === '') return undefined;
  const serverNow = now + (ahead(headers, now) ?? 0);
  const date = /^[A-Z][a-z]+,? /.test(text) ? Date.parse(text) : Number.NaN;
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1_000 : date - serverNow;
  return Number.isFinite(ms) ? Math.min(LONGEST_RETRY_AFTER_MS, Math.max(0, ms)) : undefined;
}

function ahead(headers: Headers, now: number): number | undefined {
  const date = Date.parse(headers.get('date') ?? '');
  return Number.isFinite(date) ? date - now : undefined;
}

async function drop(response: Response, error: OAuthError): Promise<never> {
  await response.body?.cancel().catch(() => undefined);
  throw error;
}

/** The stream's error without what it may have read. */
function codeOnly(error: unknown): Error {
  const inner = types.isNativeError(error) && types.isNativeError(error.cause) ? error.cause : error;
  const code = types.isNativeError(inner) && 'code' in inner && typeof inner.code === 'string' ? inner.code : undefined;
  return Object.assign(new Error('The answer broke off'), code === undefined ? {} : { code });
}
