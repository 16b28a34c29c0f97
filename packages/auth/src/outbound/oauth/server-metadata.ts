import type { OAuthEndpoints } from '@moltbot/config';
import { type AuthorizationServer, allowInsecureRequests, customFetch, discoveryRequest } from 'oauth4webapi';
import { OAuthError } from '../oauth-error.js';
import { type Exchange, hostOf } from './exchange.js';

export type EndpointName =
  | 'authorization_endpoint'
  | 'token_endpoint'
  | 'device_authorization_endpoint'
  | 'revocation_endpoint'
  | 'introspection_endpoint';

/** What is known of an authorization server: as configured, and for the rest as discovered (RFC 8414, OpenID Connect Discovery). */
export interface ServerMetadata {
  /** With this endpoint at least; discovered only where it is not configured. @throws OAuthError */
  withEndpoint(name: EndpointName, signal: AbortSignal | undefined): Promise<AuthorizationServer>;
  /** `undefined`: no issuer is configured. @throws OAuthError */
  discovered(signal: AbortSignal | undefined): Promise<AuthorizationServer | undefined>;
}

const MAX_AGE_MS = 3_600_000;
const ENDPOINTS: readonly EndpointName[] = [
  'authorization_endpoint',
  'token_endpoint',
  'device_authorization_endpoint',
  'revocation_endpoint',
  'introspection_endpoint',
];

export function createServerMetadata(options: {
  readonly endpoints: OAuthEndpoints;
  readonly exchange: Exchange;
  readonly now: () => number;
}): ServerMetadata {
  const { endpoints, exchange, now } = options;
  let known: { readonly server: AuthorizationServer; readonly at: number } | undefined;
  let pending: Promise<AuthorizationServer> | undefined;

  async function discovered(signal: AbortSignal | undefined): Promise<AuthorizationServer | undefined> {
    const { issuer } = endpoints;
    if (issuer === undefined) return undefined;
    if (known !== undefined && now() - known.at < MAX_AGE_MS) return known.server;
    // Shared by all who wait, so that it can't end with the signal of one of them.
    pending ??= discover(new URL(checked(issuer, 'issuer')), exchange)
      .then((server) => {
        known = { server, at: now() };
        return server;
      })
      .catch((error: unknown) => {
        if (known !== undefined) return known.server;
        throw error;
      })
      .finally(() => {
        pending = undefined;
      });
    return untilAborted(pending, signal);
  }

  return {
    discovered,
    async withEndpoint(name, signal) {
      const configured = configuredEndpoints(endpoints);
      const explicit = configured[name];
      const server = explicit === undefined ? await discovered(signal) : known?.server;
      const url = explicit ?? server?.[name];
      if (url === undefined) throw missing(name, endpoints.issuer);
      return { issuer: server?.issuer ?? endpoints.issuer ?? url, ...server, ...configured, [name]: url };
    },
  };
}

function configuredEndpoints(endpoints: OAuthEndpoints): Partial<Record<EndpointName, string>> {
  const found: Partial<Record<EndpointName, string>> = {};
  for (const name of ENDPOINTS) {
    const url = endpoints[name];
    if (url !== undefined) found[name] = checked(url, name);
  }
  return found;
}

async function discover(issuer: URL, exchange: Exchange): Promise<AuthorizationServer> {
  try {
    return await discoverBy('oidc', issuer, exchange);
  } catch (error) {
    // It answered, but has no such page: perhaps it knows RFC 8414 only.
    const isAbsent =
      error instanceof OAuthError && error.status !== undefined && error.status >= 300 && error.status < 500;
    if (!isAbsent || error.failure === 'unavailable') throw error;
    return discoverBy('oauth2', issuer, exchange).catch(() => {
      throw error;
    });
  }
}

async function discoverBy(algorithm: 'oidc' | 'oauth2', issuer: URL, exchange: Exchange): Promise<AuthorizationServer> {
  let found: Readonly<Record<string, unknown>> = {};
  await discoveryRequest(issuer, {
    algorithm,
    [allowInsecureRequests]: true,
    [customFetch]: async (url, { headers }) => {
      const what = 'discovery endpoint';
      const answer = await exchange({
        what,
        url,
        method: 'GET',
        headers,
        secrets: [],
        applies: false,
        signal: undefined,
      });
      found = answer.json ?? {};
      return new Response();
    },
  });
  return toServer(found, issuer);
}

/** A server may only speak for itself (RFC 8414, 3.3), and names no way that is less safe than its own. */
function toServer(json: Readonly<Record<string, unknown>>, issuer: URL): AuthorizationServer {
  const own = json['issuer'];
  if (typeof own !== 'string' || URL.parse(own)?.href !== issuer.href) {
    throw badAnswer(issuer, 'is that of another issuer');
  }
  const server: Record<string, unknown> = { issuer: own };
  for (const name of [...ENDPOINTS, 'jwks_uri'] as const) {
    const url = json[name];
    if (url === undefined || url === null) continue;
    const parsed = typeof url === 'string' ? URL.parse(url) : null;
    const isSafe =
      parsed?.protocol === 'https:' || (issuer.protocol === 'http:' && parsed !== null && isLocalHttp(parsed));
    if (!isSafe) throw badAnswer(issuer, `has no https URL as ${name}`);
    server[name] = url;
  }
  for (const name of ['token_endpoint_auth_methods_supported', 'id_token_signing_alg_values_supported'] as const) {
    const list = json[name];
    if (Array.isArray(list)) server[name] = list.filter((item) => typeof item === 'string');
  }
  server['authorization_response_iss_parameter_supported'] =
    json['authorization_response_iss_parameter_supported'] === true;
  return server as unknown as AuthorizationServer;
}

/** Tokens and secrets go over TLS, or stay on this machine (RFC 8252, 8.3). */
function checked(url: string, name: string): string {
  const parsed = URL.parse(url);
  if (parsed?.protocol === 'https:' || (parsed !== null && isLocalHttp(parsed))) return url;
  throw new OAuthError(`\`oauth.${name}\` must be an https:// URL; http:// is for this machine (127.0.0.1) only.`, {
    failure: 'misconfigured',
    maybeApplied: false,
  });
}

export function isLocalHttp(url: URL): boolean {
  return url.protocol === 'http:' && /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(url.hostname);
}

function missing(name: EndpointName, issuer: string | undefined): OAuthError {
  const why =
    issuer === undefined
      ? `Neither \`oauth.issuer\` nor \`oauth.${name}\` is configured for this provider.`
      : `The authorization server at ${hostOf(issuer)} has no ${name}, and \`oauth.${name}\` is not configured.`;
  return new OAuthError(why, { failure: 'misconfigured', maybeApplied: false });
}

function badAnswer(issuer: URL, why: string): OAuthError {
  return new OAuthError(`The metadata of the authorization server at ${issuer.host} ${why}.`, {
    failure: 'bad-answer',
    maybeApplied: false,
  });
}

async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  let stop: () => void = () => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    stop = () =>
      reject(
        new OAuthError('The sign-in was given up while the authorization server was looked up.', {
          failure: 'timeout',
          maybeApplied: false,
          cause: signal.reason,
        }),
      );
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
