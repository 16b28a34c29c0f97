import { generateKeyPairSync } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { Provider } from 'oidc-provider';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { MemoryRows, memoryAdapter } from './memory-adapter.js';
import { confirmDevice, signIn } from './sign-in.js';
import { makeClients, type TestClients } from './test-clients.js';
import { applyFault, type TokenFault } from './token-fault.js';

export interface AuthorizationServerOptions {
  /** Seconds; a function is asked for each token. Default 60; 1 and 2 work. */
  readonly accessTokenSeconds?: number | (() => number);
  /** `/check` takes opaque tokens for this long after their end, as APIs do for clocks that differ. Default 0. */
  readonly leewaySeconds?: number;
  /** Seconds. Default one day. */
  readonly refreshTokenSeconds?: number;
  /** Whether each refresh gives another refresh token, and the second use of one revokes its whole family. Default true. */
  readonly rotate?: boolean;
  /** The account that signs in unless `signInAs` names another. Default `person-1`; `email` is `SUB@example.com`. */
  readonly account?: string;
  /** Besides `/`, `/callback` and `/auth/callback` on 127.0.0.1, [::1] and localhost, each with any port. */
  readonly redirectUris?: readonly string[];
  /** Access tokens are JWTs for this audience (RS256) instead of opaque ones. */
  readonly jwtAudience?: string;
  /** Asked-for scopes outside this list are not granted. */
  readonly grantedScopes?: readonly string[];
  /** The `Date` header is this far off. */
  readonly dateOffsetMs?: number;
}

export interface TokenRequest {
  readonly grantType: string;
  /** 0: the connection was dropped. */
  readonly status: number;
}

/** A certified authorization server on loopback; other processes may use it by its URL. */
export interface AuthorizationServer {
  readonly issuer: string;
  readonly clients: TestClients;
  readonly endpoints: {
    readonly authorization: string;
    readonly token: string;
    readonly device: string;
    readonly revocation: string;
    readonly jwks: string;
    /** `GET` with `Authorization: Bearer`: 200 while the token lives, else 401. Stands in for the model API. */
    readonly check: string;
  };
  /** Refresh grants that were answered with tokens (also where the answer then got lost). */
  readonly refreshes: number;
  /** Refresh tokens that were used a second time. */
  readonly reuses: number;
  readonly tokenRequests: readonly TokenRequest[];
  /** Errors of the server itself; empty in a sound test. */
  readonly faults: readonly Error[];
  isLive(accessToken: string): Promise<boolean>;
  /** Signs a person in at an authorization URL. @returns the redirect to the callback, which is not followed */
  signInAs(options: { readonly url: string; readonly account?: string; readonly deny?: boolean }): Promise<string>;
  completeDevice(options: {
    readonly verificationUriComplete: string;
    readonly account?: string;
    readonly deny?: boolean;
  }): Promise<void>;
  /** Breaks the token endpoint. @returns mends it */
  breakTokenEndpoint(fault: TokenFault, only?: { readonly times?: number; readonly grantType?: string }): () => void;
  /** Revokes the grant of this access or refresh token with all its tokens; without one: all grants. */
  revokeGrant(token?: string): Promise<void>;
  /** Ends all access tokens there are, and leaves refresh tokens alone. */
  endAccessTokens(): void;
  setDateOffset(ms: number): void;
  stop(): Promise<void>;
}

const CUSTOM_SCOPES = ['model:read', 'model:execute'];

/** Rotation with reuse detection, PKCE, device flow, revocation; everybody signs in without a form. */
export async function startAuthorizationServer(options: AuthorizationServerOptions = {}): Promise<AuthorizationServer> {
  const stopped = new AbortController();
  let handle: (request: IncomingMessage, response: ServerResponse) => Promise<void> = () => Promise.resolve();
  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      faults.push(error instanceof Error ? error : new Error(String(error)));
      response.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const rows = new MemoryRows();
  const { clients, registered } = makeClients([...loopbackRedirects(), ...(options.redirectUris ?? [])]);
  const key = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const jwk = { ...key.privateKey.export({ format: 'jwk' }), kid: 'server-key', use: 'sig', alg: 'RS256' };
  // Not as configuration: it would be copied by structuredClone, whose objects are of another realm under Jest.
  for (const client of registered) rows.rowsOf('Client').set(client.client_id, client);
  const provider = new Provider(issuer, configuration({ options, rows, jwk }));
  const serve = provider.callback();
  const publicKeys = createLocalJWKSet({
    keys: [{ ...key.publicKey.export({ format: 'jwk' }), kid: 'server-key', alg: 'RS256' }],
  });

  const faults: Error[] = [];
  const tokenRequests: TokenRequest[] = [];
  const broken: { fault: TokenFault; left: number; grantType: string | undefined }[] = [];
  const counts = { refreshes: 0, reuses: 0 };
  let dateOffsetMs = options.dateOffsetMs ?? 0;
  let refreshing: Promise<void> = Promise.resolve();

  provider.on('server_error', (_context, error) => faults.push(error));
  provider.on('grant.success', (context) => {
    if (context.oidc.params?.grant_type === 'refresh_token') counts.refreshes += 1;
  });
  provider.on('grant.error', (_context, error) => {
    if (error.error_detail === 'refresh token already used') counts.reuses += 1;
  });

  handle = async (request, response) => {
    response.setHeader('date', new Date(Date.now() + dateOffsetMs).toUTCString());
    const path = new URL(request.url ?? '/', issuer).pathname;
    if (path === '/check') {
      const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
      const live = token !== undefined && (await isLive(token));
      response.writeHead(live ? 200 : 401, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ live }));
    } else if (path.startsWith('/interaction/')) {
      await interact(request, response);
    } else if (path === '/token') {
      await token(request, response);
    } else {
      await serve(request, response);
    }
  };

  async function token(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await wholeBody(request);
    if (body === undefined) return;
    const grantType = new URLSearchParams(body.toString()).get('grant_type') ?? 'unknown';
    response.once('close', () =>
      tokenRequests.push({ grantType, status: response.writableFinished ? response.statusCode : 0 }),
    );
    const found = broken.find((one) => one.left > 0 && (one.grantType ?? grantType) === grantType);
    if (found !== undefined) {
      found.left -= 1;
      if (!(await applyFault(found.fault, response, stopped.signal))) return;
    }
    // Apart from its connection: a request that came in whole is processed, whether or not its sender still lives.
    const process = () => serve(replay(request, body), response);
    if (grantType !== 'refresh_token') return process();
    // One after the other: between finding a refresh token unused and marking it used, the server would take a second one.
    refreshing = refreshing.then(process);
    await refreshing;
  }

  async function interact(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.headers['x-test-deny'] !== undefined) {
      const error = { error: 'access_denied', error_description: 'The person said no' };
      return provider.interactionFinished(request, response, error);
    }
    const { params, session } = await provider.interactionDetails(request, response);
    const named = request.headers['x-test-account'];
    const accountId = (typeof named === 'string' ? named : session?.accountId) ?? options.account ?? 'person-1';
    const grant = new provider.Grant({ accountId, clientId: params.client_id });
    for (const scope of (params.scope ?? '').split(' ').filter(Boolean)) {
      if (options.grantedScopes?.includes(scope) === false) {
        grant.rejectOIDCScope(scope);
      } else {
        grant.addOIDCScope(scope);
        if (options.jwtAudience !== undefined) grant.addResourceScope(options.jwtAudience, scope);
      }
    }
    const grantId = await grant.save();
    await provider.interactionFinished(request, response, { login: { accountId }, consent: { grantId } });
  }

  async function isLive(accessToken: string): Promise<boolean> {
    if (accessToken.split('.').length === 3) {
      return jwtVerify(accessToken, publicKeys, { issuer }).then(
        () => true,
        () => false,
      );
    }
    const anyAge = { ignoreExpiration: true };
    const found =
      (await provider.AccessToken.find(accessToken, anyAge)) ??
      (await provider.ClientCredentials.find(accessToken, anyAge));
    if (found === undefined) return false;
    return found.isValid || Date.now() / 1_000 < found.exp + (options.leewaySeconds ?? 0);
  }

  return {
    issuer,
    clients,
    endpoints: {
      authorization: `${issuer}/auth`,
      token: `${issuer}/token`,
      device: `${issuer}/device/auth`,
      revocation: `${issuer}/token/revocation`,
      jwks: `${issuer}/jwks`,
      check: `${issuer}/check`,
    },
    get refreshes() {
      return counts.refreshes;
    },
    get reuses() {
      return counts.reuses;
    },
    tokenRequests,
    faults,
    isLive,
    signInAs: ({ url, account, deny }) => signIn({ issuer, url, account, deny }),
    completeDevice: ({ verificationUriComplete, account, deny }) =>
      confirmDevice({ issuer, verificationUriComplete, account, deny }),
    breakTokenEndpoint(fault, only = {}) {
      const entry = { fault, left: only.times ?? Number.POSITIVE_INFINITY, grantType: only.grantType };
      broken.push(entry);
      return () => {
        entry.left = 0;
      };
    },
    async revokeGrant(token) {
      if (token === undefined) return rows.revoke();
      const found = (await provider.RefreshToken.find(token)) ?? (await provider.AccessToken.find(token));
      if (found?.grantId === undefined) throw new Error('No such token to revoke the grant of');
      rows.revoke(found.grantId);
    },
    endAccessTokens() {
      rows.rowsOf('AccessToken').clear();
    },
    setDateOffset(ms) {
      dateOffsetMs = ms;
    },
    async stop() {
      stopped.abort();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function loopbackRedirects(): string[] {
  const hosts = ['127.0.0.1', '[::1]', 'localhost'];
  return hosts.flatMap((host) => ['/', '/callback', '/auth/callback'].map((path) => `http://${host}${path}`));
}

interface ConfigurationParts {
  readonly options: AuthorizationServerOptions;
  readonly rows: MemoryRows;
  readonly jwk: object;
}

function configuration({ options, rows, jwk }: ConfigurationParts): object {
  const { accessTokenSeconds = 60 } = options;
  const seconds = () => (typeof accessTokenSeconds === 'function' ? accessTokenSeconds() : accessTokenSeconds);
  const audience = options.jwtAudience;
  const resourceServer = () => ({
    audience,
    accessTokenFormat: 'jwt',
    accessTokenTTL: seconds(),
    jwt: { sign: { alg: 'RS256' } },
    scope: ['openid', 'email', ...CUSTOM_SCOPES].join(' '),
  });
  return {
    adapter: (model: string) => memoryAdapter(rows, model),
    jwks: { keys: [jwk] },
    cookies: { keys: ['a key of the tests'] },
    scopes: ['openid', 'offline_access', 'email', ...CUSTOM_SCOPES],
    claims: { openid: ['sub'], email: ['email', 'email_verified'] },
    // `email` also in the ID token, as most providers do.
    conformIdTokenClaims: false,
    pkce: { required: () => true },
    rotateRefreshToken: options.rotate ?? true,
    expiresWithSession: () => false,
    issueRefreshToken: (_context: unknown, client: { grantTypeAllowed(type: string): boolean }) =>
      client.grantTypeAllowed('refresh_token'),
    clientBasedCORS: () => false,
    renderError: (context: { type: string; body: string }, out: object) => {
      context.type = 'text/plain';
      context.body = JSON.stringify(out);
    },
    findAccount: (_context: unknown, sub: string) => ({
      accountId: sub,
      claims: () => ({ sub, email: `${sub}@example.com`, email_verified: true }),
    }),
    interactions: { url: (_context: unknown, interaction: { uid: string }) => `/interaction/${interaction.uid}` },
    ttl: {
      AccessToken: seconds,
      ClientCredentials: seconds,
      AuthorizationCode: 60,
      DeviceCode: 600,
      Grant: 86_400 * 7,
      IdToken: 3_600,
      Interaction: 600,
      RefreshToken: options.refreshTokenSeconds ?? 86_400,
      Session: 86_400,
    },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      revocation: { enabled: true, allowedPolicy: () => true },
      userinfo: { enabled: audience === undefined },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => audience,
        useGrantedResource: () => true,
        getResourceServerInfo: resourceServer,
      },
      deviceFlow: {
        enabled: true,
        userCodeInputSource: page,
        userCodeConfirmSource: page,
        successSource: (context: { body: string }) => {
          context.body = '<p>Signed in</p>';
        },
      },
    },
  };
}

function page(context: { body: string }, form: string): void {
  context.body = form;
}

/** `undefined`: it broke off. */
async function wholeBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of request) chunks.push(chunk as Buffer);
  } catch {
    return undefined;
  }
  return Buffer.concat(chunks);
}

function replay(request: IncomingMessage, body: Buffer): IncomingMessage {
  const { headers, method, url, httpVersion, socket } = request;
  const stream = Readable.from([body], { objectMode: false });
  return Object.assign(stream, { headers, method, url, httpVersion, socket }) as unknown as IncomingMessage;
}
