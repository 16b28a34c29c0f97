import type { Credential } from '@moltbot/auth';
import type { Secret } from '@moltbot/contracts';
import type { PostOptions } from '../http/upstream.js';
import type { Provider } from '../target.js';
import type { UpstreamRequest } from '../wire.js';

export interface UpstreamPostOptions {
  readonly provider: Provider;
  readonly request: UpstreamRequest;
  readonly token: Secret | undefined;
  /** What the token is. Default: an API key. */
  readonly credentialType?: Credential['type'] | undefined;
  readonly accept: 'application/json' | 'text/event-stream';
  /** The caller's own headers that go along where the dialects agree. */
  readonly callerHeaders: Readonly<Record<string, string>> | undefined;
  readonly connectTimeoutMs: number;
  readonly headersTimeoutMs: number;
  readonly signal: AbortSignal;
}

/** What is sent: the wire's request with address, credential and configured headers. Configured ones win over the caller's. */
export function upstreamPost(options: UpstreamPostOptions): PostOptions {
  const { provider, request, token } = options;
  return {
    url: urlOf(provider, request.path),
    headers: {
      'content-type': 'application/json',
      accept: options.accept,
      ...(options.callerHeaders === undefined ? undefined : harmless(options.callerHeaders)),
      ...request.headers,
      ...configuredOf(provider).headers,
      ...(token === undefined ? undefined : provider.authHeaders(token.reveal(), options.credentialType)),
    },
    body: request.body,
    connectTimeoutMs: options.connectTimeoutMs,
    headersTimeoutMs: options.headersTimeoutMs,
    signal: options.signal,
  };
}

/** Whatever a caller sends: its own credential, and what belongs to its connection, never go on. */
const NEVER_PASSED = new Set([
  'authorization',
  'proxy-authorization',
  'x-api-key',
  'api-key',
  'x-goog-api-key',
  'cookie',
  'host',
  'connection',
  'keep-alive',
  'upgrade',
  'te',
  'trailer',
  'expect',
  'transfer-encoding',
  'content-length',
  'content-encoding',
  'content-type',
  'accept',
  'accept-encoding',
]);

function harmless(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !NEVER_PASSED.has(name)));
}

interface Configured {
  readonly headers: Readonly<Record<string, string>>;
  readonly query: string;
}

const CONFIGURED = new WeakMap<Provider, Configured>();

function configuredOf(provider: Provider): Configured {
  const known = CONFIGURED.get(provider);
  if (known !== undefined) return known;
  const { headers, query } = provider.settings;
  const configured: Configured = {
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
    query: new URLSearchParams(query).toString(),
  };
  CONFIGURED.set(provider, configured);
  return configured;
}

function urlOf(provider: Provider, path: string): string {
  const { query } = configuredOf(provider);
  if (query === '') return provider.baseUrl + path;
  return `${provider.baseUrl}${path}${path.includes('?') ? '&' : '?'}${query}`;
}
