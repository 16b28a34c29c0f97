import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { createSealer, type Identity, type OAuthClient, type TokenSet } from '@moltbot/auth';
import type { OAuthEntry, StoredCredential } from '@moltbot/config';
import { MoltbotError, Secret } from '@moltbot/contracts';
import { fastify } from 'fastify';
import { createAccess } from '../../access/access.js';
import { AdminSessions } from '../admin-sessions.js';
import type { SignInCredentials } from '../sign-in-credentials.js';
import { SignInFlow } from '../sign-in-flow.js';
import type { SignInProblem } from '../sign-in-problem.js';
import { registerSignInRoutes } from '../sign-in-routes.js';

export const ADMIN_KEY = 'CANARY-admin-key';
export const ACCESS_TOKEN = 'CANARY-access-token';

export interface SignInServerOptions {
  readonly mode?: 'open' | 'api_key';
  readonly entries?: Readonly<Record<string, Partial<OAuthEntry> | 'api_key'>>;
  readonly redirectUri?: string;
  readonly client?: Partial<OAuthClient>;
  readonly refreshed?: 'refreshed' | 'failed';
}

/** The routes on a real port, over credentials in memory. */
export async function startSignInServer(options: SignInServerOptions = {}) {
  const { mode = 'open', redirectUri } = options;
  const now = { ms: Date.UTC(2026, 10, 22) };
  const sealer = createSealer({ key: randomBytes(32) });
  const stored = new Map<string, TokenSet>();
  const problems: SignInProblem[] = [];
  const calls: string[] = [];
  const byHash = new Map<string, Identity>();
  const keys = new Map<string, Identity>([[ADMIN_KEY, identity('laptop', ['admin'])]]);
  const entries: { list: readonly StoredCredential[] } = {
    list: Object.entries(options.entries ?? { anthropic: {} }).map(([id, entry]) => toStored(id, entry)),
  };
  const client: OAuthClient = {
    beginAuthorization: async ({ redirectUri }) => ({
      url: `https://provider.example/authorize?x=1&redirect_uri=${encodeURIComponent(redirectUri)}`,
      redirectUri,
      state: 'STATE',
      codeVerifier: 'VERIFIER',
      nonce: undefined,
    }),
    finishAuthorization: async ({ pending, callbackUrl }) => {
      calls.push(`finish ${pending.codeVerifier} ${callbackUrl}`);
      return tokens();
    },
    beginDevice: () => Promise.reject(new Error('not expected')),
    finishDevice: () => Promise.reject(new Error('not expected')),
    clientCredentials: () => Promise.reject(new Error('not expected')),
    refresh: () => Promise.reject(new Error('not expected')),
    revoke: async ({ kind }) => {
      calls.push(`revoke ${kind}`);
      return true;
    },
    introspect: () => Promise.reject(new Error('not expected')),
    ...options.client,
  };
  const credentials: SignInCredentials = {
    sealer: () => sealer,
    entries: () => entries.list,
    redirectUriOf: () => redirectUri,
    status: async () =>
      [...stored].map(([id, { account, expiresAt, scopes }]) => ({
        id,
        type: 'oauth' as const,
        state: 'ok' as const,
        account,
        expiresAt,
        scopes,
      })),
    withClient: (_id, use) => use(client),
    async signedIn(id, tokens) {
      const entry = entries.list.find((entry) => entry.id === id)?.entry;
      const expected = entry?.type === 'oauth' ? entry.account : undefined;
      if (expected !== undefined && tokens.account?.email !== expected) {
        throw new MoltbotError('sign_in_failed', `wants ${expected}, but ${tokens.account?.email} signed in`);
      }
      stored.set(id, tokens);
    },
    async signedOut(id) {
      const before = stored.get(id);
      stored.delete(id);
      return before;
    },
    async refreshNow(id) {
      calls.push(`refresh ${id}`);
      return options.refreshed ?? 'refreshed';
    },
  };
  const identify = (presented: string): Identity => {
    const found = keys.get(presented);
    if (found === undefined) throw new MoltbotError('invalid_api_key');
    return found;
  };
  const access = createAccess({
    mode,
    verifier: { verify: (presented) => identify(presented ?? '') },
    allowedHosts: () => ['moltbot.example'],
  });
  const sessions = new AdminSessions({
    access,
    sealer: () => sealer,
    identify,
    recall: async (hash) => byHash.get(hash),
    clock: () => now.ms,
  });
  const flow = new SignInFlow({ credentials, clock: () => now.ms });
  const server = fastify();
  let requests = 0;
  await registerSignInRoutes(server, {
    flow,
    sessions,
    credentials,
    newRequestId: () => `req_${(requests += 1)}`,
    onProblem: ({ problem }) => problems.push(problem),
  });
  await server.listen({ port: 0, host: '127.0.0.1' });
  const { port } = server.server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    now,
    stored,
    problems,
    calls,
    keys,
    byHash,
    entries,
    sessions,
    sealer,
    async stop() {
      flow.close();
      await server.close();
    },
  };
}

export type SignInServer = Awaited<ReturnType<typeof startSignInServer>>;

export function identity(name: string, scopes: readonly string[]): Identity {
  return { keyId: `key_${name}`, name, scopes, models: undefined, limits: undefined };
}

export function tokens(changes: Partial<TokenSet> = {}): TokenSet {
  return {
    accessToken: new Secret(ACCESS_TOKEN),
    refreshToken: new Secret('CANARY-refresh-token'),
    issuedAt: Date.UTC(2026, 10, 22),
    expiresAt: Date.UTC(2026, 10, 22, 1),
    scopes: ['model:read'],
    account: { subject: 'person-1', email: 'person-1@example.com' },
    ...changes,
  };
}

export function toStored(id: string, entry: Partial<OAuthEntry> | 'api_key'): StoredCredential {
  const provider = id.split(':')[0] ?? id;
  if (entry === 'api_key') return { id, provider, entry: { type: 'api_key', key: new Secret('CANARY-api-key') } };
  return { id, provider, entry: { type: 'oauth', client_id: `client-of-${id}`, scopes: ['model:read'], ...entry } };
}
