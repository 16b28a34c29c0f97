import { setTimeout as delay } from 'node:timers/promises';
import type { OAuthEndpoints } from '@moltbot/config';
import type { Secret } from '@moltbot/contracts';
import {
  type AuthorizationServer,
  allowInsecureRequests,
  authorizationCodeGrantRequest,
  calculatePKCECodeChallenge,
  type ClientAuth,
  clientCredentialsGrantRequest,
  customFetch,
  deviceAuthorizationRequest,
  deviceCodeGrantRequest,
  generateRandomState,
  introspectionRequest,
  refreshTokenGrantRequest,
  revocationRequest,
} from 'oauth4webapi';
import type { OAuthClient, TokenSet } from '../oauth-client.js';
import { OAuthError } from '../oauth-error.js';
import { toAuthorizationUrl } from './authorization-url.js';
import { createClientAuthentication } from './client-authentication.js';
import { toDeviceAuthorization } from './device-answer.js';
import { type Answer, createExchange, hostOf } from './exchange.js';
import { createIdTokens } from './id-token.js';
import { toIntrospection } from './introspection-answer.js';
import { pollDevice } from './poll-device.js';
import { readCallback } from './read-callback.js';
import { createServerMetadata } from './server-metadata.js';
import { toTokenSet } from './token-answer.js';

export interface OAuthClientOptions {
  readonly clientId: string;
  readonly scopes: readonly string[];
  /** `providers.*.oauth`. An issuer has to be discoverable; what is configured besides it wins over what is discovered. */
  readonly endpoints: OAuthEndpoints;
  readonly clientSecret?: Secret | undefined;
  /** PEM, of `private_key_jwt`. */
  readonly privateKey?: Secret | undefined;
  readonly privateKeyId?: string | undefined;
  /** Through the provider's proxy, with its certificate authorities. */
  readonly fetch: typeof globalThis.fetch;
  /** For each request. Default 10 s. */
  readonly timeoutMs?: number | undefined;
  readonly clock?: { now(): number } | undefined;
  /** Between two questions of the device flow; rejects or resolves when the signal fires. */
  readonly sleep?: ((ms: number, signal: AbortSignal | undefined) => Promise<void>) | undefined;
  /** 256 random bits in base64url. */
  readonly random?: (() => string) | undefined;
}

/** What the library passes to a fetch; the answer is read by `exchange`. */
interface LibraryOptions {
  readonly [allowInsecureRequests]: true;
  readonly [customFetch]: (
    url: string,
    options: { readonly headers: Record<string, string>; readonly body: URLSearchParams },
  ) => Promise<Response>;
  readonly headers: Record<string, string>;
}

const DEFAULT_TIMEOUT_MS = 10_000;
const SECRET_PARAMETERS = [
  'refresh_token',
  'code',
  'code_verifier',
  'client_secret',
  'client_assertion',
  'device_code',
  'token',
];

/** An OAuth client at the authorization server of `endpoints`. Nothing is asked before the first call; safe for many calls at once. */
export function createOAuthClient(options: OAuthClientOptions): OAuthClient {
  const { clientId, scopes, endpoints, clientSecret, privateKey, privateKeyId } = options;
  const now = () => options.clock?.now() ?? Date.now();
  const random = options.random ?? generateRandomState;
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const exchange = createExchange({ fetch: options.fetch, now, timeoutMs });
  const metadata = createServerMetadata({ endpoints, exchange, now });
  const idTokens = createIdTokens({ clientId, exchange, timeoutMs });
  const authentication = createClientAuthentication({
    clientId,
    method: endpoints.client_auth,
    clientSecret,
    privateKey,
    privateKeyId,
    now,
  });
  const client = { client_id: clientId };
  const { audience, resource } = endpoints;
  const wantsIdToken = scopes.includes('openid') && endpoints.issuer !== undefined;
  const scope = scopes.length === 0 ? undefined : scopes.join(' ');

  /** One request as the library builds it, with its answer. */
  async function ask(request: {
    readonly what: string;
    readonly server: AuthorizationServer;
    readonly signal: AbortSignal | undefined;
    readonly anyAnswer?: boolean;
    /** Whether the server changes something with it; by default it may. */
    readonly applies?: boolean;
    readonly send: (auth: ClientAuth, library: LibraryOptions) => Promise<Response>;
  }): Promise<Answer> {
    const { what, server, signal, anyAnswer, applies = true } = request;
    const auth = authentication(server.token_endpoint_auth_methods_supported);
    let answer: Answer | undefined;
    const library: LibraryOptions = {
      // Checked in server-metadata.ts: http only on this machine.
      [allowInsecureRequests]: true,
      headers: { 'user-agent': 'moltbot' },
      [customFetch]: async (url, { headers, body }) => {
        const secrets = secretsIn(body, headers, clientSecret);
        answer = await exchange({
          what,
          url,
          method: 'POST',
          headers,
          body: body.toString(),
          secrets,
          applies,
          signal,
          ...(anyAnswer === undefined ? {} : { anyAnswer }),
        });
        return new Response();
      },
    };
    try {
      await request.send(auth, library);
    } catch (error) {
      // The library's own errors hold what they complain about.
      throw error instanceof OAuthError ? error : misconfigured(`The request to the ${what} can’t be made.`);
    }
    if (answer === undefined) throw misconfigured(`The request to the ${what} was not made.`);
    return answer;
  }

  /** @returns `undefined` where neither settings nor server name it */
  async function optionalEndpoint(name: 'revocation_endpoint' | 'introspection_endpoint', signal?: AbortSignal) {
    return metadata.withEndpoint(name, signal).catch((error: unknown) => {
      const isAbsent = error instanceof OAuthError && error.failure === 'misconfigured';
      if (isAbsent && endpoints[name] === undefined) return undefined;
      throw error;
    });
  }

  async function askForTokens(request: {
    readonly server: AuthorizationServer;
    readonly signal: AbortSignal | undefined;
    readonly send: (auth: ClientAuth, library: LibraryOptions) => Promise<Response>;
  }) {
    const answer = await ask({ what: 'token endpoint', ...request });
    const host = hostOf(request.server.token_endpoint ?? '');
    return { answer, ...toTokenSet({ answer, host, asked: scopes }) };
  }

  /** The account of an ID token where there is one: signed in to, it has to be valid. */
  async function withAccount(
    { idToken, answer, ...tokens }: Awaited<ReturnType<typeof askForTokens>>,
    nonce: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<TokenSet> {
    if (!wantsIdToken) return tokens;
    if (idToken === undefined) {
      if (nonce === undefined) return tokens;
      throw new OAuthError('The token endpoint answered without the ID token that was asked for.', {
        failure: 'bad-answer',
        maybeApplied: true,
      });
    }
    const server = await metadata.discovered(signal);
    if (server === undefined) return tokens;
    const serverNow = answer.receivedAt + (answer.serverAheadMs ?? 0);
    return { ...tokens, account: await idTokens.accountOf({ server, idToken, nonce, serverNow }) };
  }

  return {
    async beginAuthorization({ redirectUri, signal }) {
      const server = await metadata.withEndpoint('authorization_endpoint', signal);
      const state = random();
      const codeVerifier = random();
      const nonce = wantsIdToken ? random() : undefined;
      const url = toAuthorizationUrl({
        endpoint: server.authorization_endpoint ?? '',
        clientId,
        scopes,
        redirectUri,
        state,
        nonce,
        codeChallenge: await calculatePKCECodeChallenge(codeVerifier),
        settings: endpoints,
      });
      return { url, redirectUri, state, codeVerifier, nonce };
    },

    async finishAuthorization({ pending, callbackUrl, signal }) {
      const discovered = await metadata.discovered(signal);
      const server = await metadata.withEndpoint('token_endpoint', signal);
      const { state, codeVerifier, redirectUri, nonce } = pending;
      const secrets = clientSecret === undefined ? [codeVerifier] : [codeVerifier, clientSecret.reveal()];
      const callback = readCallback({ callbackUrl, state, clientId, server: discovered, secrets });
      // While the code is not used up: without the keys the sign-in could not be finished.
      if (nonce !== undefined && discovered !== undefined) await idTokens.prepare(discovered);
      const answer = await askForTokens({
        server,
        signal,
        send: (auth, library) =>
          authorizationCodeGrantRequest(server, client, auth, callback, redirectUri, codeVerifier, {
            ...library,
            additionalParameters: given({ resource }),
          }),
      });
      return withAccount(answer, nonce, signal);
    },

    async beginDevice({ signal }) {
      const server = await metadata.withEndpoint('device_authorization_endpoint', signal);
      const answer = await ask({
        what: 'device authorization endpoint',
        server,
        signal,
        send: (auth, library) =>
          deviceAuthorizationRequest(server, client, auth, given({ scope, audience, resource }), library),
      });
      return toDeviceAuthorization({ answer, host: hostOf(server.device_authorization_endpoint ?? '') });
    },

    async finishDevice({ device, signal }) {
      const server = await metadata.withEndpoint('token_endpoint', signal);
      const ask = () =>
        askForTokens({
          server,
          signal,
          send: (auth, library) =>
            deviceCodeGrantRequest(server, client, auth, device.deviceCode.reveal(), {
              ...library,
              additionalParameters: given({ resource }),
            }),
        });
      return withAccount(
        await pollDevice({ device, ask, now, sleep: options.sleep ?? sleep, signal }),
        undefined,
        signal,
      );
    },

    async clientCredentials({ signal }) {
      const server = await metadata.withEndpoint('token_endpoint', signal);
      const {
        answer: _answer,
        idToken: _idToken,
        ...tokens
      } = await askForTokens({
        server,
        signal,
        send: (auth, library) =>
          clientCredentialsGrantRequest(server, client, auth, given({ scope, audience, resource }), library),
      });
      return tokens;
    },

    async refresh({ refreshToken, signal }) {
      const server = await metadata.withEndpoint('token_endpoint', signal);
      const {
        answer: _answer,
        idToken,
        ...tokens
      } = await askForTokens({
        server,
        signal,
        send: (auth, library) =>
          refreshTokenGrantRequest(server, client, auth, refreshToken.reveal(), {
            ...library,
            additionalParameters: given({ resource }),
          }),
      });
      // No further request, and no refusal: a rotated pair is stored at once, or it is lost.
      const { issuer } = endpoints;
      const account =
        idToken === undefined || issuer === undefined ? undefined : idTokens.accountAfterRefresh({ idToken, issuer });
      return { ...tokens, account };
    },

    async revoke({ token, kind, signal }) {
      const server = await optionalEndpoint('revocation_endpoint', signal);
      if (server === undefined) return false;
      await ask({
        what: 'revocation endpoint',
        server,
        signal,
        anyAnswer: true,
        send: (auth, library) =>
          revocationRequest(server, client, auth, token.reveal(), {
            ...library,
            additionalParameters: { token_type_hint: kind },
          }),
      });
      return true;
    },

    async introspect({ token, kind, signal }) {
      const server = await optionalEndpoint('introspection_endpoint', signal);
      if (server === undefined) return undefined;
      const answer = await ask({
        what: 'introspection endpoint',
        server,
        signal,
        applies: false,
        send: (auth, library) =>
          introspectionRequest(server, client, auth, token.reveal(), {
            ...library,
            additionalParameters: { token_type_hint: kind },
          }),
      });
      return toIntrospection({ answer, host: hostOf(server.introspection_endpoint ?? '') });
    },
  };
}

/** The parameters that have a value. */
function given(parameters: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) found[name] = value;
  return found;
}

function secretsIn(
  body: URLSearchParams,
  headers: Readonly<Record<string, string>>,
  clientSecret: Secret | undefined,
): readonly string[] {
  const found = SECRET_PARAMETERS.flatMap((name) => body.getAll(name));
  const basic = headers['authorization']?.replace(/^Basic /, '');
  return [...found, basic, clientSecret?.reveal()].filter((text) => text !== undefined && text !== '') as string[];
}

async function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await delay(ms, undefined, signal === undefined ? {} : { signal });
}

function misconfigured(message: string): OAuthError {
  return new OAuthError(message, { failure: 'misconfigured', maybeApplied: false });
}
