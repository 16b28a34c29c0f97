import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleepFor } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { generateApiKey } from '@moltbot/auth';
import { ROLE_EXIT } from '@moltbot/contracts';
import { SCRIPTED_TEXT, type ScriptedUpstream, startScriptedUpstream } from '@moltbot/providers/testing';
import { databaseUrl, openStorage, type Storage } from '@moltbot/storage';
import { type PrimaryProcess, startPrimary, temporaryHome } from './primary-process.js';
import { good, refusalOf } from './refusal.js';

const home = temporaryHome();
let storage: Storage;
let upstream: ScriptedUpstream;
const started: PrimaryProcess[] = [];

beforeAll(async () => {
  // One database for all of them: what is tried here is not its start.
  storage = await openStorage({
    settings: { storage: { url: 'embedded' } },
    paths: { dataDirectory: join(home.path, 'data') },
  });
  upstream = await startScriptedUpstream({
    script: ({ stream }) => ({ type: 'answer', ...(stream ? { intervalMs: 20 } : { headersDelayMs: 1_000 }) }),
  });
});

afterAll(async () => {
  await Promise.all(started.map((primary) => primary.stop()));
  await upstream?.close();
  await storage?.close();
  home.remove();
});

function config(server: object = {}) {
  return {
    models: { primary: 'openai:model', retry_policy: { max_attempts: 1 } },
    providers: { openai: { base_url: upstream.baseUrl('openai-chat'), requires_credential: false } },
    storage: { url: databaseUrl(storage.connection).reveal() },
    server,
  };
}

async function start(server: object = {}): Promise<PrimaryProcess> {
  const primary = await startPrimary({ config: config(server) });
  started.push(primary);
  return primary;
}

function ask(primary: PrimaryProcess, fields: object = {}) {
  return fetch(`${primary.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...good, ...fields }),
  });
}

async function untilLogged(primary: PrimaryProcess, text: string): Promise<void> {
  for (let tries = 0; tries < 200 && !primary.output().includes(text); tries += 1) await sleepFor(10);
  expect(primary.output()).toContain(text);
}

/** Resolves once the first content is there. */
async function openStream(primary: PrimaryProcess): Promise<{ id: string; rest: Promise<string> }> {
  const response = await ask(primary, { stream: true });
  return { id: String(response.headers.get('x-request-id')), rest: response.text() };
}

describe('SIGTERM', () => {
  it('lets what runs end whole, takes nothing new, and ends with 0', async () => {
    const primary = await start();
    const before = upstream.requests.length;
    const { rest } = await openStream(primary);
    const whole = ask(primary);
    await upstream.waitForRequests(before + 2);
    primary.child.kill('SIGTERM');
    await untilLogged(primary, '"draining"');
    const refused = await ask(primary);
    expect(refused.headers.get('connection')).toBe('close');
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(await refusalOf('openai', refused)).toMatchObject({ status: 503, code: 'shutting_down' });
    expect((await fetch(`${primary.url}/ready`)).status).toBe(503);
    expect((await fetch(`${primary.opsUrl}/ready`)).status).toBe(503);
    expect((await fetch(`${primary.url}/health`)).status).toBe(200);
    const text = await rest;
    expect(text).toContain('word60');
    expect(text).toContain('[DONE]');
    expect(JSON.stringify(await (await whole).json())).toContain(SCRIPTED_TEXT);
    const startedAt = performance.now();
    expect(await primary.ended()).toBe(0);
    expect(performance.now() - startedAt).toBeLessThan(3_000);
  });

  it('takes no new connection where a proxy in front shall ask another, while what runs ends whole', async () => {
    const primary = await start({ drain_new: 'close' });
    const { rest } = await openStream(primary);
    primary.child.kill('SIGTERM');
    await untilLogged(primary, '"draining"');
    const refused = await ask(primary).catch((error: Error) => error.cause);
    expect(refused).toMatchObject({ code: 'ECONNREFUSED' });
    expect((await fetch(`${primary.opsUrl}/ready`)).status).toBe(503);
    expect(await rest).toContain('[DONE]');
    expect(await primary.ended()).toBe(0);
  });

  it('tells callers whose answers outlast the grace, and ends with 0', async () => {
    const primary = await start({ drain_grace: '200ms' });
    const { id, rest } = await openStream(primary);
    const whole = ask(primary);
    await sleepFor(100);
    primary.child.kill('SIGTERM');
    const text = await rest;
    expect(text).toContain('word1');
    expect(text).not.toContain('[DONE]');
    expect(text.trim().split('\n\n').at(-1)).toContain('"code":"shutting_down"');
    expect(await refusalOf('openai', await whole)).toMatchObject({ status: 503, code: 'shutting_down' });
    const startedAt = performance.now();
    expect(await primary.ended()).toBe(0);
    expect(performance.now() - startedAt).toBeLessThan(3_000);
    const rows = await storage.db.kysely.selectFrom('requests').selectAll().where('request_id', '=', id).execute();
    expect(rows).toMatchObject([{ outcome: 'interrupted', error_code: 'shutting_down', stream: true }]);
    // Nothing goes on upstream for callers that were sent away.
    expect(upstream.requests.slice(-2).every(({ closedByClientAt }) => closedByClientAt !== undefined)).toBe(true);
  });

  it('given twice ends at once', async () => {
    const primary = await start();
    const { rest } = await openStream(primary);
    rest.catch(() => undefined);
    primary.child.kill('SIGTERM');
    await untilLogged(primary, '"draining"');
    const startedAt = performance.now();
    primary.child.kill('SIGTERM');
    expect(await primary.ended()).toBe(143);
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    await expect(rest).rejects.toThrow();
  });
});

describe('a start', () => {
  it('on a port that is taken says which, and what to do', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as AddressInfo;
    try {
      for (const [key, flag] of [
        ['port', '--port'],
        ['metrics_port', '--metrics-port'],
      ] as const) {
        await expect(startPrimary({ config: config({ [key]: port }) })).rejects.toThrow(
          new RegExp(`ended with ${ROLE_EXIT.refused}:[^]*port_in_use: Port ${port} is taken.*\`${flag} N\``),
        );
      }
    } finally {
      holder.close();
    }
  });

  it('on an address that this machine does not have says so', async () => {
    const { hash, prefix } = generateApiKey();
    await storage.apiKeys.create({ name: 'anybody', hash, prefix, scopes: ['chat'] });
    // RFC 5737: an address of nobody's.
    await expect(startPrimary({ config: config({ host: '192.0.2.1' }) })).rejects.toThrow(
      new RegExp(`ended with ${ROLE_EXIT.refused}:[^]*config_invalid: .*no address 192\\.0\\.2\\.1.*--host`),
    );
  });

  it('with a broken configuration says file, line and key, and shows no secret', async () => {
    const broken = temporaryHome();
    try {
      mkdirSync(broken.path, { recursive: true });
      const started = startPrimary({
        home: broken.path,
        config: { server: { body_limit: 'canary-of-a-value' }, models: { primray: 'a:b' } },
      });
      await expect(started).rejects.toThrow(
        new RegExp(`ended with ${ROLE_EXIT.refused}:[^]*config_invalid: [^]*config\\.yml:1[^]*primray`),
      );
      writeFileSync(join(broken.path, 'auth.json'), '{"openai": {"type": "api_key", "key": "canary-key" ', {
        mode: 0o600,
      });
      const text = await startPrimary({ home: broken.path }).then(
        () => 'started',
        (error: Error) => error.message,
      );
      expect(text).toMatch(/auth\.json/);
      expect(text).not.toContain('canary-key');
    } finally {
      broken.remove();
    }
  });
});
