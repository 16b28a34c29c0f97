import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { request as sendRequest, type RequestListener } from 'node:http';
import { join } from 'node:path';
import { createOAuthClient } from '@moltbot/auth';
import {
  type AuthorizationServer,
  type AuthorizationServerOptions,
  startAuthorizationServer,
} from '@moltbot/auth/testing';
import { loadConfig, moltbotPaths } from '@moltbot/config';
import type { Secret } from '@moltbot/contracts';
import { openCredentials, openTokenStore } from '@moltbot/credentials';
import {
  type CertificateAuthority,
  createCertificateAuthority,
  type ForwardProxy,
  type InterceptingProxy,
  type Refusals,
  startForwardProxy,
  startInterceptingProxy,
  startTlsServer,
} from '@moltbot/network/testing';
import { type CredentialAccess, credentialAccess } from '../src/doctor/credential-access.js';
import { CHECKS } from '../src/doctor/check-table.js';
import type { DoctorReport, ReportedCheck } from '../src/doctor/report.js';
import { runDoctor } from '../src/doctor/run-doctor.js';
import { temporaryHome, type TemporaryHome } from './moltbot.js';

export const MODEL_HOST = 'api.acme.test';
export const TOKEN_HOST = 'login.idp.test';
/** Planted wherever a secret can be. */
export const CANARIES = {
  key: 'CANARY-api-key-000111',
  proxyPassword: 'CANARY-proxy-pw-000222',
  clientSecret: 'CANARY-client-secret-000333',
} as const;
const ACCOUNT = 'acme';

export interface RigOptions extends AuthorizationServerOptions {
  readonly refuse?: Refusals;
  readonly login?: string;
  /** Instead of the proxy that only passes on. */
  readonly intercept?: boolean;
  /** The company's own authority instead of the one of the hosts; `none`: no `ca_file`. */
  readonly trust?: 'hosts' | 'interceptor' | 'none';
  readonly scopes?: readonly string[];
  readonly requiredScopes?: readonly string[];
  /** Of the model server's clock. */
  readonly modelOffsetMs?: number;
  readonly signIn?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  /** Further settings of the provider. */
  readonly provider?: Readonly<Record<string, unknown>>;
  readonly oauth?: Readonly<Record<string, unknown>>;
  readonly config?: Readonly<Record<string, unknown>>;
  /** Answer of the model server to its list of models, where it is another. */
  readonly models?: RequestListener;
}

/** A home, a provider with an account and a key, its model host and token host, and the proxy in between: all of them real. */
export interface Rig {
  readonly home: TemporaryHome;
  readonly authorization: AuthorizationServer;
  readonly proxy: ForwardProxy | InterceptingProxy;
  readonly env: Readonly<Record<string, string>>;
  readonly secretKey: Uint8Array;
  /** Changes the entry of the account in auth.json. */
  readonly changeEntry: (changes: Readonly<Record<string, unknown>>, id?: string) => void;
  /** Changes what the store knows of the account, as only time or a crash would. */
  readonly changeRecord: (change: (record: TokenRecordJson) => void) => Promise<void>;
  readonly doctor: (options?: {
    readonly only?: readonly string[];
    readonly now?: () => number;
    readonly readOnly?: boolean;
    readonly access?: Partial<CredentialAccess>;
  }) => Promise<DoctorReport>;
  /** The vault's own: tokens that were signed in for, refreshed by the server's code. */
  readonly refresh: () => Promise<string>;
  close(): Promise<void>;
}

/** As the vault writes it; see auth/outbound/token-record.ts. */
export interface TokenRecordJson {
  pair: Record<string, unknown>;
  claim?: Record<string, unknown>;
  lastFailure?: Record<string, unknown>;
}

export async function openRig(options: RigOptions = {}): Promise<Rig> {
  const { scopes = ['openid', 'model:read', 'model:execute'], requiredScopes = ['model:execute'] } = options;
  const authority = await createCertificateAuthority({ name: 'Acme CA' });
  const authorization = await startAuthorizationServer(options);
  const login = await startTlsServer({ authority, hosts: [TOKEN_HOST], answer: relay(authorization.issuer) });
  const models = await startTlsServer({ authority, hosts: [MODEL_HOST], answer: modelServer(options, authorization) });
  const hosts = { [TOKEN_HOST]: login.address, [MODEL_HOST]: models.address };
  const proxy =
    options.intercept === true
      ? await startInterceptingProxy({ hosts, refuse: options.refuse, login: options.login })
      : await startForwardProxy({ hosts, refuse: options.refuse, login: options.login });

  const home = temporaryHome();
  const trusted = trustedBy(options, authority, proxy);
  const caFile = join(home.path, 'ca.pem');
  if (trusted !== undefined) writeFileSync(caFile, trusted);
  home.writeConfig({
    models: { primary: 'acme:m1' },
    ...options.config,
    providers: {
      acme: {
        kind: 'openai-compatible',
        base_url: `https://${MODEL_HOST}/v1`,
        requires_credential: true,
        ...(trusted === undefined ? {} : { ca_file: caFile }),
        ...options.provider,
        oauth: {
          authorization_endpoint: `https://${TOKEN_HOST}/auth`,
          token_endpoint: `https://${TOKEN_HOST}/token`,
          introspection_endpoint: `https://${TOKEN_HOST}/token/introspection`,
          required_scopes: requiredScopes,
          ...options.oauth,
        },
      },
    },
  });
  const client = authorization.clients.public;
  writeFileSync(
    join(home.path, 'auth.json'),
    JSON.stringify({
      [ACCOUNT]: { type: 'oauth', client_id: client.clientId, scopes },
      'acme:key': { type: 'api_key', key: CANARIES.key },
    }),
    { mode: 0o600 },
  );
  const proxyUrl = proxy.url.replace('//', `//ann:${CANARIES.proxyPassword}@`);
  const env = { HTTPS_PROXY: proxyUrl, HTTP_PROXY: proxyUrl, NO_PROXY: 'localhost,127.0.0.1', ...options.env };
  const paths = moltbotPaths({ env: { MOLTBOT_HOME: home.path }, homeDirectory: home.path });
  const secretKey = randomBytes(32);

  async function withVault<Result>(
    use: (vault: ReturnType<typeof openCredentials>['vault']) => Promise<Result>,
  ): Promise<Result> {
    const config = await loadConfig({ paths, env: {} });
    const credentials = openCredentials({
      config: () => config,
      paths,
      secrets: { resolve: (source) => source as Secret, forget: () => undefined },
      secretKey: async () => ({ key: secretKey }),
      system: { httpsProxy: proxyUrl },
      environment: {},
      keepAlive: false,
    });
    try {
      return await use(credentials.vault);
    } finally {
      await credentials.close();
    }
  }

  async function signIn(): Promise<void> {
    const oauth = createOAuthClient({
      clientId: client.clientId,
      scopes,
      endpoints: {
        issuer: authorization.issuer,
        authorize_params: {},
        required_scopes: [],
      },
      fetch: globalThis.fetch,
    });
    const pending = await oauth.beginAuthorization({ redirectUri: 'http://127.0.0.1:7777/callback' });
    const callbackUrl = await authorization.signInAs({ url: pending.url });
    const tokens = await oauth.finishAuthorization({ pending, callbackUrl });
    await withVault(async (vault) => vault.signedIn(ACCOUNT, tokens));
  }

  async function changeRecord(change: (record: TokenRecordJson) => void): Promise<void> {
    const store = openTokenStore({ settings: (await loadConfig({ paths, env: {} })).settings, paths });
    try {
      const row = await store.read(ACCOUNT);
      if (row === undefined) throw new Error('there is no record');
      const record = JSON.parse(row.value) as TokenRecordJson;
      change(record);
      await store.compareAndSwap(ACCOUNT, row.version, JSON.stringify(record));
    } finally {
      await store.close();
    }
  }

  if (options.signIn !== false) await signIn();
  return {
    changeEntry(changes, id = ACCOUNT) {
      const entries = JSON.parse(readFileSync(paths.authFile, 'utf8')) as Record<string, object>;
      writeFileSync(paths.authFile, JSON.stringify({ ...entries, [id]: { ...entries[id], ...changes } }));
    },
    changeRecord,
    home,
    authorization,
    proxy,
    env,
    secretKey,
    async doctor({ only, now, readOnly = false, access } = {}) {
      const diagnosis = await runDoctor({
        checks: only === undefined ? CHECKS : CHECKS.filter(({ id }) => only.includes(id)),
        paths,
        env,
        locale: 'en',
        command: 'moltbot',
        access: {
          ...credentialAccess({ env: { ...env }, paths, homeDirectory: home.path }),
          secretKey: async () => ({ key: secretKey }),
          ...access,
        },
        readOnly,
        signal: new AbortController().signal,
        probeMs: 1_500,
        ...(now === undefined ? {} : { now }),
      });
      return diagnosis.report();
    },
    refresh: async () => withVault(async (vault) => vault.refreshNow(ACCOUNT)),
    async close() {
      await Promise.all([login.close(), models.close(), proxy.close(), authorization.stop()]);
      home.remove();
    },
  };
}

/** What is wrong, as `check subject: code`. */
export function findingsOf(report: DoctorReport): readonly string[] {
  return report.checks.flatMap((check) =>
    check.status === 'error' || check.status === 'warning'
      ? [`${check.status} ${check.id} ${check.subject ?? ''}: ${check.code}`]
      : [],
  );
}

export function checksOf(report: DoctorReport, id: string): readonly ReportedCheck[] {
  return report.checks.filter((check) => check.id === id);
}

function trustedBy(
  { trust = 'hosts', intercept }: RigOptions,
  authority: CertificateAuthority,
  proxy: ForwardProxy | InterceptingProxy,
): string | undefined {
  if (trust === 'none') return undefined;
  return trust === 'interceptor' && intercept === true && 'authority' in proxy
    ? proxy.authority.certificate
    : authority.certificate;
}

/** Lists models for the key, and for a token that lives. */
function modelServer(options: RigOptions, authorization: AuthorizationServer): RequestListener {
  return (request, response) => {
    response.setHeader('date', new Date(Date.now() + (options.modelOffsetMs ?? 0)).toUTCString());
    if (options.models !== undefined) {
      options.models(request, response);
      return;
    }
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
    void (async () => {
      const good = token !== undefined && (token === CANARIES.key || (await authorization.isLive(token)));
      response.writeHead(good ? 200 : 401, { 'content-type': 'application/json' });
      response.end(JSON.stringify(good ? { object: 'list', data: [{ id: 'm1' }] } : { error: { message: 'no' } }));
    })();
  };
}

/** In front of the authorization server, which speaks no TLS. */
function relay(issuer: string): RequestListener {
  return (request, response) => {
    const { hostname, port } = new URL(issuer);
    const upstream = sendRequest(
      {
        hostname,
        port,
        path: request.url,
        method: request.method,
        headers: { ...request.headers, host: `${hostname}:${port}` },
      },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      },
    );
    upstream.on('error', () => response.destroy());
    request.pipe(upstream);
  };
}
