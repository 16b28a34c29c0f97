import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from '@jest/globals';
import { type AuthorizationServer, startAuthorizationServer } from '@moltbot/auth/testing';
import { openFileTokenStore } from '@moltbot/credentials';
import { type GuardedUpstream, startGuardedUpstream } from '../../primary/test/guarded-upstream.js';
import { moltbot, type Ran, spawnMoltbot, type TemporaryHome, temporaryHome } from './moltbot.js';

export const SCOPES = 'openid,email,model:read';
export const API_KEY = 'sk-CANARY-api-key';

/** What a person does about the first event of `auth login`; `type` writes to its stdin. */
export type Person = (event: Readonly<Record<string, string>>, type: (text: string) => void) => Promise<void>;

/** The tokens of a record, as the store has them in the clear. */
export type Pair = Readonly<Record<string, unknown>> & { readonly issuedAt: number; readonly expiresAt: number };

/**
 * For the tests of one file: an authorization server, a provider `acme` that checks tokens with it, a provider `other` for keys,
 * and for each test a home of its own.
 */
export class AuthRig {
  server!: AuthorizationServer;
  upstream!: GuardedUpstream;
  home!: TemporaryHome;
  /** Everything that a command wrote. */
  readonly said: string[] = [];

  constructor() {
    beforeAll(async () => {
      this.server = await startAuthorizationServer({ accessTokenSeconds: 120 });
      this.upstream = await startGuardedUpstream({
        isGood: async (token) => token === API_KEY || (await this.server.isLive(token)),
      });
    });
    afterAll(async () => {
      await this.upstream.close();
      await this.server.stop();
    });
    beforeEach(() => {
      this.home = temporaryHome(this.config());
    });
    afterEach(() => this.home.remove());
  }

  config(issuer = this.server.issuer): Record<string, unknown> {
    const at = { kind: 'openai-compatible', base_url: this.upstream.baseUrl };
    return { models: { primary: 'acme:m' }, providers: { acme: { ...at, oauth: { issuer } }, other: at } };
  }

  async run(args: readonly string[], options: { input?: string; env?: Record<string, string> } = {}): Promise<Ran> {
    const ran = await moltbot(['auth', ...args], { home: this.home.path, ...options });
    this.said.push(ran.stdout, ran.stderr);
    return ran;
  }

  /** `auth login`, with a person who does what the first event asks for. */
  async login(args: readonly string[], person: Person): Promise<Ran> {
    const child = spawnMoltbot(['auth', 'login', ...args, '--no-browser', '--json'], { home: this.home.path });
    let stdout = '';
    let stderr = '';
    child.stderr?.on('data', (text: Buffer) => (stderr += text.toString()));
    const acted = new Promise<void>((resolve, reject) => {
      let isAsked = false;
      child.stdout?.on('data', (text: Buffer) => {
        stdout += text.toString();
        if (isAsked || !stdout.includes('\n')) return;
        isAsked = true;
        person(JSON.parse(stdout.split('\n')[0] ?? ''), (typed) => child.stdin?.write(typed)).then(resolve, reject);
      });
      child.once('exit', () => resolve());
    });
    const closed = once(child, 'close');
    await acted;
    const [code] = (await closed) as [number | null];
    this.said.push(stdout, stderr);
    return { code, stdout, stderr };
  }

  /** Agrees, or declines, in a browser of this machine. */
  agree(as: { readonly account?: string; readonly deny?: boolean } = {}, server = this.server): Person {
    return async (event) => {
      const callback = await server.signInAs({ url: event['url'] ?? '', ...as });
      await (await fetch(callback)).text();
    };
  }

  /** Options for a sign-in without an entry. */
  client(): readonly string[] {
    return ['--client-id', this.server.clients.public.clientId, '--scopes', SCOPES];
  }

  authFile(): Record<string, unknown> {
    return JSON.parse(readFileSync(join(this.home.path, 'auth.json'), 'utf8')) as Record<string, unknown>;
  }

  writeAuth(auth: object): void {
    writeFileSync(join(this.home.path, 'auth.json'), JSON.stringify(auth), { mode: 0o600 });
  }

  /** Changes what the store says in the clear of the tokens of `acme`. */
  async editRecord(edit: (pair: Pair) => Pair): Promise<void> {
    const store = openFileTokenStore({ directory: join(this.home.path, 'tokens') });
    const row = await store.read('acme');
    const record = JSON.parse(row?.value ?? '') as { readonly pair: Pair };
    await store.compareAndSwap('acme', row?.version ?? 0, JSON.stringify({ ...record, pair: edit(record.pair) }));
    await store.close();
  }

  /** The token that the provider saw last. */
  lastToken(): string {
    return this.upstream.calls.at(-1)?.token ?? '';
  }

  /** Of all that was written, nothing holds a token or a key. */
  expectNoSecretSaid(): void {
    const tokens = [...new Set(this.upstream.calls.map(({ token }) => token))].filter((token) => token.length > 10);
    expect(tokens.length).toBeGreaterThan(3);
    for (const text of this.said) for (const token of tokens) expect(text.includes(token)).toBe(false);
    expect(this.said.join('')).not.toMatch(/CANARY|code_verifier/);
  }
}

/** The last line of a command with `--json`. */
export function lastJson({ stdout }: Ran): Record<string, unknown> {
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Record<string, unknown>;
}
