import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type AuthorizationServer, startAuthorizationServer } from '@moltbot/auth/testing';
import { moltbot, type RunningMoltbot, spawnMoltbot, startMoltbot, temporaryHome } from './moltbot.js';

/** Text that nothing else can hold. */
const canary = (name: string) => `CANARY-${name}-${randomBytes(9).toString('hex')}`;

const secrets = new Map<string, string>([
  ['the key that seals tokens', randomBytes(32).toString('base64')],
  ...[
    'api-key',
    'env-key',
    'exec-key',
    'file-key',
    'header',
    'query',
    'proxy-password',
    'system-proxy-password',
    'objects-secret',
    'wrong-caller-key',
    'prompt',
    'broken-config',
  ].map((name) => [name, canary(name)] as const),
]);
const secret = (name: string): string => secrets.get(name) ?? '';

/** Everything that was printed, answered or logged, by where. */
const written: { readonly where: string; readonly text: string }[] = [];
const keep = (where: string, text: string): string => {
  written.push({ where, text });
  return text;
};

/** All that the model service was sent. */
let sent = '';

/** A token endpoint in front of the real one: what it issues is what must appear nowhere. */
async function startTap(target: () => string): Promise<Server> {
  const tap = createServer((request, response) => {
    const pass = async (): Promise<void> => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const { authorization = '', 'content-type': type = '' } = request.headers;
      const answer = await fetch(target(), {
        method: 'POST',
        headers: { authorization, 'content-type': type },
        body: Buffer.concat(chunks),
      });
      const body = await answer.text();
      for (const name of ['access_token', 'refresh_token', 'id_token']) {
        const token = (JSON.parse(body) as Record<string, unknown>)[name];
        if (typeof token === 'string') secrets.set(`${name} ${secrets.size}`, token);
      }
      response.writeHead(answer.status, { 'content-type': 'application/json' }).end(body);
    };
    pass().catch(() => response.destroy());
  }).listen(0, '127.0.0.1');
  await once(tap, 'listening');
  return tap;
}

/** A model service that gives back in its errors all that it was sent: headers, address and body. */
async function startEcho(): Promise<Server> {
  const echo = createServer((request, response) => {
    const answer = async (): Promise<void> => {
      let body = '';
      for await (const chunk of request) body += String(chunk);
      const seen = JSON.stringify({ url: request.url, headers: request.headers, body });
      sent += seen;
      const status = Number(/"model":"s(\d+)/.exec(body)?.[1] ?? 200);
      const isHtml = body.includes('html');
      response.writeHead(status, { 'content-type': isHtml ? 'text/html' : 'application/json' });
      if (status !== 200)
        response.end(isHtml ? `<p>${seen}</p>` : JSON.stringify({ error: { message: seen, type: seen, code: seen } }));
      else if (request.method === 'GET') response.end('{"object":"list","data":[{"id":"m","object":"model"}]}');
      else response.end(JSON.stringify(CHAT));
    };
    answer().catch(() => response.destroy());
  }).listen(0, '127.0.0.1');
  await once(echo, 'listening');
  return echo;
}

const CHAT = {
  id: 'c',
  object: 'chat.completion',
  created: 1,
  model: 'm',
  choices: [{ index: 0, message: { role: 'assistant', content: 'fine' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
};

const home = temporaryHome();
const urlOf = (server: Server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
let authority: AuthorizationServer;
let tap: Server;
let echo: Server;
let running: RunningMoltbot | undefined;

const env = {
  MOLTBOT_SECRET_KEY: secret('the key that seals tokens'),
  MOLTBOT_OBJECTS_SECRET_ACCESS_KEY: secret('objects-secret'),
  CANARY_KEY: secret('env-key'),
  HTTPS_PROXY: `http://bob:${secret('system-proxy-password')}@127.0.0.1:1`,
};

beforeAll(async () => {
  authority = await startAuthorizationServer({ accessTokenSeconds: 60 });
  tap = await startTap(() => authority.endpoints.token);
  echo = await startEcho();
  const { basic } = authority.clients;
  secrets.set('client secret', basic.clientSecret);
  const base = { kind: 'openai-compatible', base_url: `${urlOf(echo)}/v1` };
  home.writeConfig({
    models: { primary: 'acme:m' },
    providers: {
      acme: {
        ...base,
        headers: { 'x-team': secret('header') },
        query: { sig: secret('query') },
        oauth: {
          authorization_endpoint: authority.endpoints.authorization,
          token_endpoint: `${urlOf(tap)}/token`,
        },
      },
      other: base,
      proxied: { ...base, proxy: `http://ann:${secret('proxy-password')}@127.0.0.1:1` },
      remote: { ...base, base_url: 'https://models.invalid/v1' },
    },
    server: { access: 'api_key' },
    logs: { level: 'debug', file: join(home.path, 'moltbot.log') },
  });
  writeFileSync(join(home.path, 'key-file'), `${secret('file-key')}\n`, { mode: 0o600 });
  writeFileSync(
    join(home.path, 'auth.json'),
    JSON.stringify({
      acme: {
        type: 'oauth',
        client_id: basic.clientId,
        client_secret: basic.clientSecret,
        scopes: ['openid', 'offline_access'],
      },
      other: { type: 'api_key', key: secret('api-key') },
      'other:env': { type: 'api_key', key: 'env:CANARY_KEY' },
      'other:exec': { type: 'api_key', key: `exec:echo ${secret('exec-key')}` },
      'other:file': { type: 'api_key', key: 'file:key-file' },
      proxied: { type: 'api_key', key: secret('api-key') },
      remote: { type: 'api_key', key: secret('api-key') },
    }),
    { mode: 0o600 },
  );
});
afterAll(async () => {
  await running?.end();
  for (const server of [tap, echo]) {
    server.closeAllConnections();
    server.close();
  }
  await authority.stop();
  home.remove();
});

async function command(...args: readonly string[]): Promise<string> {
  const ran = await moltbot(args, { home: home.path, env });
  keep(`moltbot ${args.join(' ')}: stderr`, ran.stderr);
  return keep(`moltbot ${args.join(' ')}`, ran.stdout);
}

async function signIn(): Promise<void> {
  const child = spawnMoltbot(['auth', 'login', 'acme', '--no-browser', '--json'], { home: home.path, env });
  let stdout = '';
  child.stdout?.on('data', (text: Buffer) => (stdout += text.toString()));
  child.stderr?.on('data', (text: Buffer) => keep('auth login: stderr', text.toString()));
  const closed = once(child, 'close');
  while (!stdout.includes('\n')) await new Promise((resolve) => setTimeout(resolve, 20));
  const { url } = JSON.parse(stdout.split('\n')[0] ?? '') as { readonly url: string };
  await (await fetch(await authority.signInAs({ url }))).text();
  const [code] = (await closed) as [number];
  keep('auth login', stdout);
  expect(code).toBe(0);
}

async function http(path: string, init: RequestInit & { readonly base?: string } = {}): Promise<number> {
  const { base = running?.url ?? '', ...rest } = init;
  const response = await fetch(`${base}${path}`, { redirect: 'manual', ...rest });
  const headers = [...response.headers].map(([name, value]) => `${name}: ${value}`).join('\n');
  keep(`${init.method ?? 'GET'} ${path}`, `${headers}\n\n${await response.text()}`);
  return response.status;
}

function* filesUnder(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesUnder(path);
    else if (entry.isFile()) yield path;
  }
}

describe('secrets in every field that takes one', () => {
  it('are in nothing that is printed, answered, logged or stored', async () => {
    await signIn();
    const created = JSON.parse(await command('keys', 'create', 'admin', '--scopes', 'admin', '--json')) as {
      key: string;
    };
    // It is shown this once; nowhere after it.
    written.pop();
    secrets.set('key of the caller', created.key);
    running = await startMoltbot({ home: home.path, env });
    const authorization = `Bearer ${created.key}`;

    const chat = (model: string, more: object = {}) =>
      http('/v1/chat/completions', {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/json' },
        body: JSON.stringify({ model, messages: [{ role: 'user', content: secret('prompt') }], ...more }),
      });
    expect(await chat('acme:m')).toBe(200);
    expect(await chat('other:m')).toBe(200);
    const failing = ['s400', 's401', 's403', 's404', 's402', 's429', 's500', 's503', 's500-html', 's401-html'];
    for (const model of failing) {
      expect(await chat(`acme:${model}`)).toBeGreaterThanOrEqual(400);
      expect(await chat(`other:${model}`, { stream: true })).toBeGreaterThanOrEqual(400);
    }
    for (const model of ['proxied:m', 'remote:m']) expect(await chat(model)).toBeGreaterThanOrEqual(500);
    const stranger = { authorization: `Bearer mb_${secret('wrong-caller-key')}` };
    expect(await http('/v1/models', { headers: stranger })).toBe(401);
    expect(await http('/v1/models', { headers: { 'x-api-key': secret('wrong-caller-key') } })).toBe(401);

    const headers = { authorization };
    const metrics = running.metricsUrl;
    for (const path of ['/metrics', '/ready', '/health']) await http(path, { base: metrics });
    for (const path of ['/docs', '/docs/openapi.json', '/auth', '/v1/models', '/health', '/ready', '/nowhere']) {
      await http(path, { headers });
    }
    for (const path of ['keys', 'audit', 'credentials']) expect(await http(`/v1/admin/${path}`, { headers })).toBe(200);
    for (const act of ['refresh', 'test', 'reset']) {
      expect(await http(`/v1/admin/credentials/acme/${act}`, { method: 'POST', headers })).toBeLessThan(300);
    }

    for (const line of [
      'config show --json',
      'config show --origin',
      'config validate',
      'auth list --json',
      'auth status --json',
      'auth test --json',
      'doctor --json',
      'doctor --lint',
      'status --json',
      'models list --json',
      'keys list --json',
      'audit --json',
    ]) {
      await command(...line.split(' '));
    }
    writeFileSync(home.configFile, `server: {port: "${secret('broken-config')}"}\nlogs: [${secret('broken-config')}`);
    await running.said(/configuration refused/);
    await command('doctor', '--json');
    await command('config', 'validate');
    expect(await running.end()).toBe(0);
    keep('moltbot start', running.stdout() + running.stderr());

    const own = new Set(['config.yml', 'auth.json', 'key-file'].map((name) => join(home.path, name)));
    for (const file of filesUnder(home.path)) {
      if (!own.has(file) && statSync(file).size < 64_000_000) keep(file, readFileSync(file, 'latin1'));
    }

    expect([...secrets.keys()].filter((name) => /_token/.test(name)).length).toBeGreaterThanOrEqual(4);
    expect(written.length).toBeGreaterThan(60);
    // They were in use: a test that never had them in hand would find nothing either.
    for (const name of ['header', 'query', 'api-key', 'env-key', 'exec-key', 'file-key', 'prompt', 'access_token']) {
      const values = [...secrets].filter(([key]) => key.startsWith(name)).map(([, value]) => value);
      expect([name, values.some((value) => sent.includes(value))]).toEqual([name, true]);
    }
    const found = written.flatMap(({ where, text }) =>
      [...secrets].filter(([, value]) => text.includes(value)).map(([name]) => `${name} in ${where}`),
    );
    expect(found).toEqual([]);
  }, 120_000);
});
