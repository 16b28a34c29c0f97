import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { generateApiKey } from '@moltbot/auth';
import { ROLE_EXIT } from '@moltbot/contracts';
import { openStorage, type Storage } from '@moltbot/storage';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { startDatabaseDoor } from './database-door.js';
import { type PrimaryProcess, startPrimary, temporaryHome } from './primary-process.js';
import { postHead, rawClient, sendRaw } from './raw-client.js';
import { expectMetric, good, refusalOf } from './refusal.js';

const DOORS = ['/v1/chat/completions', '/v1/responses', '/v1/messages', '/v1/messages/count_tokens', '/v1/embeddings'];

function ask(primary: PrimaryProcess, headers: Record<string, string> = {}, path = '/v1/chat/completions') {
  return fetch(primary.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(good),
  });
}

describe('open access', () => {
  let primary: PrimaryProcess;

  beforeAll(async () => {
    primary = await startPrimary({ config: { server: { allowed_hosts: ['Chat.internal'] } } });
  });
  afterAll(() => primary?.stop());

  /** fetch() sets these two headers itself. */
  async function statusFor(headers: Record<string, string>, path = '/v1/models'): Promise<number> {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    return (await sendRaw(primary.url, `GET ${path} HTTP/1.1\r\n${lines.join('')}connection: close\r\n\r\n`)).status;
  }

  it('is for programs of this machine, whatever key they show', async () => {
    expect((await ask(primary)).status).toBe(200);
    expect((await ask(primary, { authorization: 'Bearer anything' })).status).toBe(200);
    for (const host of ['127.0.0.1', '127.0.0.1:8080', 'localhost:1', 'LOCALHOST', '[::1]:8080', 'chat.internal:80']) {
      expect([host, await statusFor({ host })]).toEqual([host, 200]);
    }
  });

  it('knows a further name in whatever case it is written', async () => {
    for (const host of ['Chat.Internal', 'CHAT.INTERNAL:80']) {
      expect([host, await statusFor({ host })]).toEqual([host, 200]);
    }
  });

  it('shows no page of elsewhere anything else of this server either', async () => {
    const { port } = new URL(primary.url);
    for (const path of ['/health', '/ready', '/docs', '/openapi.json']) {
      expect([path, await statusFor({ host: 'evil.example' }, path)]).toEqual([path, 403]);
      expect([path, await statusFor({ host: 'localhost', origin: 'https://evil.example' }, path)]).toEqual([path, 403]);
      expect([path, await statusFor({ host: `localhost:${port}` }, path)]).toEqual([path, 200]);
    }
  });

  it('is not for web pages of elsewhere', async () => {
    const { port } = new URL(primary.url);
    const host = `127.0.0.1:${port}`;
    expect(await statusFor({ host, origin: `http://${host}` })).toBe(200);
    for (const origin of ['https://evil.example', 'null', 'http://127.0.0.1', `http://localhost:${port}`, 'file://']) {
      expect([origin, await statusFor({ host, origin })]).toEqual([origin, 403]);
    }
    const refused = await ask(primary, { origin: 'https://evil.example' });
    expect(await refusalOf('openai', refused)).toMatchObject({ status: 403, code: 'forbidden_origin' });
    // A preflight is a question of such a page: no CORS header ever says yes.
    const preflight = await fetch(`${primary.url}/v1/chat/completions`, {
      method: 'OPTIONS',
      headers: { origin: 'https://evil.example', 'access-control-request-method': 'POST' },
    });
    expect(preflight.status).toBe(403);
    expect([...preflight.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
  });

  it('is not for names that were bent to this machine', async () => {
    for (const host of ['evil.example', '127.0.0.1.evil.example', 'localhost.evil.example:8080', '10.0.0.1', '']) {
      expect([host, await statusFor({ host })]).toEqual([host, 403]);
    }
  });
});

describe('access by API keys', () => {
  const home = temporaryHome();
  let storage: Storage;
  let database: Awaited<ReturnType<typeof startDatabaseDoor>>;
  let primary: PrimaryProcess;
  const keys = { revoked: '', expired: '', caller: '', unfit: '', owner: '' };

  beforeAll(async () => {
    storage = await openStorage({
      settings: { storage: { url: 'embedded' } },
      paths: { dataDirectory: join(home.path, 'data') },
    });
    database = await startDatabaseDoor(storage);
  });

  afterAll(async () => {
    await primary?.stop();
    database?.stop();
    await storage?.close();
    home.remove();
  });

  async function createKey(
    name: keyof typeof keys,
    changes: { scopes?: string[]; expiresAt?: number } = {},
  ): Promise<void> {
    const { key, hash, prefix } = generateApiKey();
    await storage.apiKeys.create({ name, hash, prefix, scopes: ['chat'], ...changes });
    keys[name] = key.reveal();
  }

  const wide = (server: object = {}) =>
    startPrimary({ config: { storage: { url: database.url }, server: { host: '0.0.0.0', ...server } } });

  it('is demanded at start of an address that others reach', async () => {
    await expect(wide()).rejects.toThrow(
      new RegExp(`ended with ${ROLE_EXIT.refused}:[^]*unsafe_bind: .*no API key yet.*moltbot keys create`),
    );
    await createKey('revoked');
    await storage.apiKeys.revoke('revoked');
    await createKey('expired', { expiresAt: Date.now() - 1_000 });
    // Keys that let nobody in are none.
    await expect(wide()).rejects.toThrow(/unsafe_bind/);
    await createKey('caller');
    await expect(wide({ access: 'open' })).rejects.toThrow(/unsafe_bind: .*"open"/);
    await createKey('unfit', { scopes: ['jobs'] });
    await createKey('owner', { scopes: ['admin'] });
    primary = await wide();
  });

  it('takes a key as Bearer or x-api-key, for itself or for all', async () => {
    const taken: Record<string, string>[] = [
      { authorization: `Bearer ${keys.caller}` },
      { authorization: `bearer ${keys.caller}` },
      { 'x-api-key': keys.caller },
      { 'x-api-key': keys.owner },
    ];
    for (const headers of taken) {
      expect((await ask(primary, headers)).status).toBe(200);
    }
    // What matters in open access does not matter here.
    expect((await ask(primary, { ...bearer('caller'), origin: 'https://app.example' })).status).toBe(200);
  });

  it('refuses every other key at every door with an error of its dialect', async () => {
    const typo = keys.caller.replace(/.$/, (last) => (last === 'a' ? 'b' : 'a'));
    const cases: [Record<string, string>, number, string][] = [
      [{}, 401, 'authentication_required'],
      [{ authorization: 'Basic YTpi' }, 401, 'authentication_required'],
      [{ authorization: 'Bearer' }, 401, 'authentication_required'],
      [{ authorization: 'Bearer sk-foreign' }, 401, 'invalid_api_key'],
      [{ authorization: `Bearer ${generateApiKey().key.reveal()}` }, 401, 'invalid_api_key'],
      [{ authorization: `Bearer ${typo}` }, 401, 'invalid_api_key'],
      [bearer('revoked'), 401, 'invalid_api_key'],
      [bearer('expired'), 401, 'invalid_api_key'],
      [bearer('unfit'), 403, 'permission_denied'],
    ];
    for (const [headers, status, code] of cases) {
      for (const path of DOORS) {
        const { code: got, message, ...rest } = await refusalOf(path, await ask(primary, headers, path));
        expect(rest.status).toBe(status);
        if (!path.startsWith('/v1/messages')) expect(got).toBe(code);
        for (const key of [typo, ...Object.values(keys)]) expect(message).not.toContain(key);
      }
      expect((await fetch(`${primary.url}/v1/models`, { headers })).status).toBe(status);
      // Not even that a path exists.
      expect((await fetch(`${primary.url}/v1/chat/completions`, { headers })).status).toBe(status);
    }
    await expectMetric(primary, {
      name: 'moltbot_access_denied_total',
      labels: ['reason="invalid_api_key"'],
      value: (value) => value > 20,
    });
  });

  it('makes both official clients raise their own exceptions', async () => {
    const openai = (apiKey: string) => new OpenAI({ baseURL: `${primary.url}/v1`, apiKey, maxRetries: 0 });
    const anthropic = (apiKey: string) => new Anthropic({ baseURL: primary.url, apiKey, maxRetries: 0 });
    await expect(openai('wrong').models.list()).rejects.toBeInstanceOf(OpenAI.AuthenticationError);
    await expect(openai(keys.unfit).models.list()).rejects.toBeInstanceOf(OpenAI.PermissionDeniedError);
    await expect(anthropic('wrong').models.list()).rejects.toBeInstanceOf(Anthropic.AuthenticationError);
    expect((await anthropic(keys.caller).models.list()).data.length).toBeGreaterThan(0);
  });

  it('refuses a stranger’s upload before it is read', async () => {
    const client = await rawClient(primary.url);
    client.socket.write(postHead('/v1/messages', 'x-api-key: wrong', `content-length: ${20 * 1_048_576}`));
    await once(client.socket, 'data');
    expect(client.received()).toMatch(/^HTTP\/1\.1 401 [^]*connection: close[^]*authentication_error/i);
    client.socket.destroy();
    // One that asks first is not even bidden to send it.
    for (const [key, expected] of [
      ['wrong', /^HTTP\/1\.1 401 /],
      [keys.caller, /^HTTP\/1\.1 100 Continue\r\n\r\n$/],
    ] as const) {
      const asking = await rawClient(primary.url);
      const body = JSON.stringify(good);
      asking.socket.write(
        postHead(
          '/v1/messages',
          `x-api-key: ${key}`,
          'expect: 100-continue',
          'connection: close',
          `content-length: ${body.length}`,
        ),
      );
      await once(asking.socket, 'data');
      expect(asking.received()).toMatch(expected);
      if (key === 'wrong') {
        asking.socket.destroy();
        continue;
      }
      asking.socket.write(body);
      await asking.closed();
      expect(asking.received()).toContain('HTTP/1.1 200 OK');
    }
    // One that sends it all nevertheless gets to read the answer, not a reset.
    for (let tries = 0; tries < 5; tries += 1) {
      const answer = await fetch(`${primary.url}/v1/messages`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-api-key': 'wrong' },
        body: Buffer.alloc(20 * 1_048_576, 0x20),
      });
      expect(await refusalOf('/v1/messages', answer)).toMatchObject({ status: 401 });
    }
  });

  it('leaves health open to those who look after the machine', async () => {
    expect((await fetch(`${primary.url}/health`)).status).toBe(200);
    const ready = await fetch(`${primary.url}/ready`);
    expect(ready.status).toBe(200);
    // Strangers need not know which models there are.
    expect(await ready.text()).not.toContain('demo');
  });

  it('takes no key from the address, where it would end up in logs', async () => {
    for (const query of ['key', 'api_key', 'access_token', 'x-api-key']) {
      expect((await fetch(`${primary.url}/v1/models?${query}=${keys.caller}`)).status).toBe(401);
    }
  });

  it('goes on for a known key while the database is away, and says so to an unknown one', async () => {
    expect((await ask(primary, bearer('caller'))).status).toBe(200);
    database.stop();
    expect((await ask(primary, bearer('caller'))).status).toBe(200);
    const unknown = await ask(primary, { authorization: `Bearer ${generateApiKey().key.reveal()}` });
    expect(await refusalOf('openai', unknown)).toMatchObject({ status: 503, code: 'storage_unavailable' });
    expect(unknown.headers.get('x-should-retry')).toBe('true');
    await database.start();
    expect((await ask(primary, { authorization: `Bearer ${generateApiKey().key.reveal()}` })).status).toBe(401);
  });

  it('shows no key in what it logs', () => {
    for (const key of Object.values(keys)) expect(primary.output()).not.toContain(key);
  });

  function bearer(name: keyof typeof keys): Record<string, string> {
    return { authorization: `Bearer ${keys[name]}` };
  }
});
