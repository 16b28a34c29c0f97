import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { generateApiKey } from '@moltbot/auth';
import { openStorage, type Storage } from '@moltbot/storage';
import { join } from 'node:path';
import { type PrimaryProcess, startPrimary, temporaryHome } from './primary-process.js';
import { rawClient, sendRaw } from './raw-client.js';
import { expectMetric, good, refusalOf } from './refusal.js';

interface KeyObject {
  readonly id: string;
  readonly name: string;
  readonly key: string;
  readonly state: string;
  readonly scopes: readonly string[];
  readonly models: readonly string[] | null;
  readonly expires_at: string | null;
}
interface AuditEntry {
  readonly id: string;
  readonly actor: string;
  readonly actor_name: string | null;
  readonly action: string;
  readonly target: string | null;
  readonly outcome: string;
  readonly error_code: string | null;
  readonly request_id: string | null;
  readonly source: string | null;
  readonly count: number;
  readonly detail: Record<string, unknown> | null;
}

const home = temporaryHome();
let storage: Storage;
let primary: PrimaryProcess;
let second: PrimaryProcess;
let owner: string;
let ownerId: string;

beforeAll(async () => {
  storage = await openStorage({
    settings: { storage: { url: 'embedded' } },
    paths: { dataDirectory: join(home.path, 'data') },
  });
  const { key, hash, prefix } = generateApiKey();
  owner = key.reveal();
  ({ id: ownerId } = await storage.apiKeys.create({ name: 'owner', hash, prefix, scopes: ['admin'] }));
  const config = { server: { access: 'api_key' } };
  primary = await startPrimary({ home: home.path, config });
  second = await startPrimary({ home: home.path, config });
});
afterAll(async () => {
  await Promise.all([primary?.stop(), second?.stop()]);
  await storage?.close();
  home.remove();
});

function call(
  method: string,
  path: string,
  options: { readonly key?: string; readonly body?: unknown; readonly on?: PrimaryProcess } = {},
): Promise<Response> {
  const { key = owner, body, on = primary } = options;
  return fetch(on.url + path, {
    method,
    headers: {
      ...(key !== '' && { authorization: `Bearer ${key}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
}

async function create(body: object): Promise<KeyObject> {
  const answer = await call('POST', '/v1/admin/keys', { body });
  expect(answer.status).toBe(201);
  return (await answer.json()) as KeyObject;
}

const chat = (key: string, options: { readonly body?: object; readonly on?: PrimaryProcess } = {}) =>
  call('POST', '/v1/chat/completions', {
    key,
    body: { ...good, ...options.body },
    ...(options.on && { on: options.on }),
  });

async function audit(query: string): Promise<readonly AuditEntry[]> {
  const answer = await call('GET', `/v1/admin/audit?${query}`);
  expect(answer.status).toBe(200);
  return ((await answer.json()) as { readonly data: readonly AuditEntry[] }).data;
}

/** The first status that is not 200, and after how many ms. */
async function refusedAfter(key: string, on: PrimaryProcess): Promise<{ status: number; ms: number }> {
  const startedAt = performance.now();
  for (;;) {
    const { status } = await chat(key, { on });
    const ms = performance.now() - startedAt;
    if (status !== 200 || ms > 5_000) return { status, ms };
  }
}

describe('an administrator', () => {
  it('creates a key that works at once, and sees its secret only then', async () => {
    const made = await create({
      name: 'app',
      scopes: ['chat'],
      models: ['default', 'demo:*'],
      limits: { requests_per_minute: 1_000 },
      expires_in: '90d',
    });
    expect(made).toMatchObject({ object: 'api_key', name: 'app', state: 'active', scopes: ['chat'] });
    expect(Date.parse(made.expires_at ?? '')).toBeGreaterThan(Date.now() + 89 * 86_400_000);
    expect((await chat(made.key)).status).toBe(200);
    const { key, ...shown } = made;
    const found = (await (await call('GET', `/v1/admin/keys/${made.id}`)).json()) as KeyObject;
    expect(found).toEqual({ ...shown, last_used_at: (found as { last_used_at?: unknown }).last_used_at });
    const listed = await (await call('GET', '/v1/admin/keys')).text();
    expect(listed).toContain(made.id);
    for (const secret of [key, owner]) expect(listed).not.toContain(secret);
    expect(primary.output()).not.toContain(key);
  });

  it('reads the list a page after another', async () => {
    for (let index = 0; index < 3; index += 1) await create({ name: `page ${index}` });
    const page = async (query: string) =>
      (await (await call('GET', `/v1/admin/keys?${query}`)).json()) as { data: KeyObject[]; has_more: boolean };
    const first = await page('limit=2');
    expect(first.data.map(({ name }) => name)).toEqual(['page 2', 'page 1']);
    expect(first.has_more).toBe(true);
    const rest = await page(`limit=1000&after=${first.data[1]?.id}`);
    expect(rest.data[0]?.name).toBe('page 0');
    expect(rest.data.at(-1)?.name).toBe('owner');
    expect(rest.has_more).toBe(false);
  });

  it('revokes a key, which every process refuses within a second', async () => {
    const made = await create({ name: 'doomed' });
    for (const on of [primary, second]) expect((await chat(made.key, { on })).status).toBe(200);
    const refused = refusedAfter(made.key, second);
    const revoked = await call('DELETE', `/v1/admin/keys/${made.id}`);
    const revokedAt = performance.now();
    expect(await revoked.json()).toMatchObject({ id: made.id, state: 'revoked' });
    expect((await refused).status).toBe(401);
    expect(performance.now() - revokedAt).toBeLessThan(1_200);
    expect((await refusedAfter(made.key, primary)).ms).toBeLessThan(1_200);
    expect((await call('DELETE', `/v1/admin/keys/${made.id}`)).status).toBe(404);
    expect(await (await call('GET', `/v1/admin/keys/${made.id}`)).json()).toMatchObject({ state: 'revoked' });
  });

  it('sees a key that is idle in another process refused at its very next request', async () => {
    const made = await create({ name: 'idle' });
    expect((await chat(made.key, { on: second })).status).toBe(200);
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    await call('DELETE', `/v1/admin/keys/${made.id}`);
    expect((await chat(made.key, { on: second })).status).toBe(401);
  });

  it('changes what a key may do, and null takes a restriction away', async () => {
    const made = await create({ name: 'changing', models: ['demo:assistant'] });
    expect((await chat(made.key)).status).toBe(403);
    const patched = await call('PATCH', `/v1/admin/keys/${made.id}`, { body: { models: null, name: 'changed' } });
    expect(await patched.json()).toMatchObject({ id: made.id, name: 'changed', models: null, scopes: ['chat'] });
    for (const until = performance.now() + 1_200; performance.now() < until; ) {
      if ((await chat(made.key)).status === 200) break;
    }
    expect((await chat(made.key)).status).toBe(200);
    await call('PATCH', `/v1/admin/keys/${made.id}`, { body: { scopes: ['jobs'] } });
    expect(await refusedAfter(made.key, primary)).toMatchObject({ status: 403 });
  });

  it('gives a key another secret; the former one lives through the grace only', async () => {
    const made = await create({ name: 'rotating' });
    expect((await chat(made.key)).status).toBe(200);
    const rotate = async (body?: unknown) => {
      const answer = await call('POST', `/v1/admin/keys/${made.id}/rotate`, body === undefined ? {} : { body });
      expect(answer.status).toBe(200);
      return (await answer.json()) as KeyObject & { readonly former_secret_until: string | null };
    };
    const next = await rotate({ grace: '1h' });
    expect(next.id).toBe(made.id);
    expect(Date.parse(next.former_secret_until ?? '')).toBeGreaterThan(Date.now() + 3_500_000);
    expect([(await chat(made.key)).status, (await chat(next.key)).status]).toEqual([200, 200]);
    const last = await rotate();
    expect(last.former_secret_until).toBeNull();
    expect((await chat(last.key)).status).toBe(200);
    for (const former of [made.key, next.key])
      expect(await refusedAfter(former, primary)).toMatchObject({ status: 401 });
    const short = await rotate({ grace: '1s' });
    const ended = await refusedAfter(last.key, primary);
    expect(ended.status).toBe(401);
    expect(ended.ms).toBeLessThan(2_300);
    expect((await chat(short.key)).status).toBe(200);
  });

  it('does not lock everybody out by mistake', async () => {
    for (const [method, path, body] of [
      ['DELETE', '', undefined],
      ['PATCH', '', { scopes: ['chat'] }],
    ] as const) {
      const answer = await call(method, `/v1/admin/keys/${ownerId}${path}`, { body });
      expect(await refusalOf('openai', answer)).toMatchObject({ status: 409, code: 'invalid_request', param: 'force' });
    }
    const deputy = await create({ name: 'deputy', scopes: ['admin'] });
    expect((await call('PATCH', `/v1/admin/keys/${deputy.id}`, { body: { scopes: ['chat'] } })).status).toBe(200);
    await call('PATCH', `/v1/admin/keys/${deputy.id}`, { body: { scopes: ['admin'] } });
    expect((await call('DELETE', `/v1/admin/keys/${deputy.id}?force=true`)).status).toBe(200);
    expect((await audit('outcome=denied&action=key'))[0]).toMatchObject({
      actor: ownerId,
      action: 'key.update',
      target: ownerId,
      error_code: 'invalid_request',
    });
  });

  const bad: [string, string, unknown, number, string | null][] = [
    ['POST', '/v1/admin/keys', {}, 400, 'name'],
    ['POST', '/v1/admin/keys', { name: '' }, 400, 'name'],
    ['POST', '/v1/admin/keys', { name: 'owner' }, 400, 'name'],
    ['POST', '/v1/admin/keys', { name: 'x', scopes: ['root'] }, 400, 'scopes.0'],
    ['POST', '/v1/admin/keys', { name: 'x', scopes: [] }, 400, 'scopes'],
    ['POST', '/v1/admin/keys', { name: 'x', models: ['openai:gpt-*'] }, 400, 'models.0'],
    ['POST', '/v1/admin/keys', { name: 'x', models: Array.from({ length: 257 }, () => 'y') }, 400, 'models'],
    ['POST', '/v1/admin/keys', { name: 'x', limits: { requests_per_minute: 0 } }, 400, 'limits.requests_per_minute'],
    ['POST', '/v1/admin/keys', { name: 'x', limits: { per_hour: 1 } }, 400, 'limits.per_hour'],
    ['POST', '/v1/admin/keys', { name: 'x', expires_in: 'soon' }, 400, 'expires_in'],
    ['POST', '/v1/admin/keys', { name: 'x', expires_at: '2020-01-01T00:00:00Z' }, 400, 'expires_at'],
    ['POST', '/v1/admin/keys', { name: 'x', expires_at: 'tomorrow' }, 400, 'expires_at'],
    ['POST', '/v1/admin/keys', { name: 'x', expires_in: '1d', expires_at: '2099-01-01T00:00:00Z' }, 400, 'expires_in'],
    ['POST', '/v1/admin/keys', { name: 'x', admin: true }, 400, 'admin'],
    ['POST', '/v1/admin/keys', '[1]', 400, null],
    ['POST', '/v1/admin/keys', '{"name":', 400, null],
    ['POST', '/v1/admin/keys', ' '.repeat(100_000), 413, null],
    ['POST', '/v1/admin/keys', `{"name":"${'x'.repeat(70_000)}"}`, 413, null],
    ['PATCH', '/v1/admin/keys/OWNER', {}, 400, null],
    ['PATCH', '/v1/admin/keys/OWNER', { name: null }, 400, 'name'],
    ['PATCH', '/v1/admin/keys/OWNER?force=yes', { name: 'x' }, 400, 'force'],
    ['PATCH', '/v1/admin/keys/key_000000000000', { name: 'x' }, 404, null],
    ['PATCH', '/v1/admin/keys/owner', { name: 'x' }, 404, null],
    ['POST', '/v1/admin/keys/OWNER/rotate', { grace: '31d' }, 400, 'grace'],
    ['POST', '/v1/admin/keys/owner/rotate', {}, 404, null],
    ['DELETE', '/v1/admin/keys/%00', undefined, 404, null],
    ['GET', '/v1/admin/keys/..%2f..%2faudit', undefined, 404, null],
    ['GET', '/v1/admin/keys?limit=0', undefined, 400, 'limit'],
    ['GET', '/v1/admin/keys?limit=1&limit=2', undefined, 400, 'limit'],
    ['GET', '/v1/admin/keys?after=x', undefined, 400, 'after'],
    ['GET', '/v1/admin/audit?since=never', undefined, 400, 'since'],
    ['GET', '/v1/admin/audit?after=%27', undefined, 400, 'after'],
    ['GET', '/v1/admin/audit?from=1h', undefined, 400, 'from'],
    ['GET', '/v1/admin/audit?outcome=maybe', undefined, 400, 'outcome'],
    ['GET', '/v1/admin/audit?actor=%00', undefined, 400, 'actor'],
    ['GET', '/v1/admin/audit?action=key%00', undefined, 400, 'action'],
    ['GET', '/v1/admin/nothing', undefined, 404, null],
  ];

  it.each(bad.map((row) => [JSON.stringify(row).slice(0, 100), ...row] as const))(
    'is told what is wrong with %s',
    async (_row, method, path, body, status, param) => {
      const answer = await call(method, path.replace('OWNER', ownerId), { body });
      expect(await refusalOf('openai', answer)).toMatchObject({ status, param });
    },
  );

  it('sends no body that is no JSON, and is bidden to send one only when let in', async () => {
    const answer = await fetch(`${primary.url}/v1/admin/keys`, {
      method: 'POST',
      headers: { authorization: `Bearer ${owner}`, 'content-type': 'text/plain' },
      body: '{"name":"x"}',
    });
    expect(answer.status).toBe(415);
    for (const [key, expected] of [
      ['mb_wrong', /^HTTP\/1\.1 401 /],
      [owner, /^HTTP\/1\.1 100 Continue/],
    ] as const) {
      const client = await rawClient(primary.url);
      const head = [`authorization: Bearer ${key}`, 'content-type: application/json', 'expect: 100-continue'];
      client.socket.write(
        `POST /v1/admin/keys HTTP/1.1\r\nhost: x\r\n${head.join('\r\n')}\r\ncontent-length: 2\r\n\r\n`,
      );
      await new Promise((resolve) => client.socket.once('data', resolve));
      expect(client.received()).toMatch(expected);
      client.socket.destroy();
    }
  });
});

describe('whoever is no administrator', () => {
  it('gets to no route for administrators: 401 without a key, 403 with one that lacks the scope', async () => {
    const app = await create({ name: 'no admin', scopes: ['chat', 'jobs'] });
    for (const [method, path, body] of [
      ['GET', '/v1/admin/keys', undefined],
      ['POST', '/v1/admin/keys', { name: 'mine', scopes: ['admin'] }],
      ['GET', `/v1/admin/keys/${ownerId}`, undefined],
      ['PATCH', `/v1/admin/keys/${app.id}`, { scopes: ['admin'] }],
      ['DELETE', `/v1/admin/keys/${ownerId}`, undefined],
      ['POST', `/v1/admin/keys/${app.id}/rotate`, {}],
      ['GET', '/v1/admin/audit', undefined],
    ] as const) {
      const without = await call(method, path, { key: '', body });
      expect(without.headers.get('www-authenticate')).toBe('Bearer');
      expect(await refusalOf('openai', without)).toMatchObject({ status: 401, code: 'authentication_required' });
      const lacking = await call(method, path, { key: app.key, body });
      expect(await refusalOf('openai', lacking)).toMatchObject({ status: 403, code: 'permission_denied' });
      const wrong = await call(method, path, { key: generateApiKey().key.reveal(), body });
      expect([path, wrong.status]).toEqual([path, 401]);
    }
    const jobs = await create({ name: 'jobs only', scopes: ['jobs'] });
    expect((await chat(jobs.key)).status).toBe(403);
  });
});

describe('a key with a list of models', () => {
  it('uses these at every door, and is refused all others with 403 whatever way they are named', async () => {
    const { key } = await create({ name: 'listed', models: ['demo:assistant'] });
    const ask = (path: string, body: object) => call('POST', path, { key, body: { ...good, ...body } });
    for (const path of ['/v1/chat/completions', '/v1/messages', '/v1/messages/count_tokens']) {
      const fine = await ask(path, { model: 'demo:assistant' });
      await fine.arrayBuffer();
      expect([path, fine.status]).toEqual([path, 200]);
      for (const choice of [
        { model: 'demo:other' },
        { model: 'default' },
        { model: undefined },
        { model: 'DEMO:assistant' },
        { model: 'demo:Assistant' },
        { model: 'demo:assistant', models: ['demo:other'] },
        { model: 'demo:assistant', models: ['demo:assistant', 'default'] },
        { model: 'demo:assistant', stream: true, models: ['default'] },
      ]) {
        const refused = await ask(path, choice);
        const { status, code } = await refusalOf(path, refused);
        expect([path, choice, status]).toEqual([path, choice, 403]);
        expect(code).toBe(path.startsWith('/v1/messages') ? 'permission_error' : 'permission_denied');
      }
    }
    const embeddings = await ask('/v1/embeddings', { model: 'demo:other', input: 'x' });
    expect(await refusalOf('openai', embeddings)).toMatchObject({ status: 403, param: 'model' });
    expect((await ask('/v1/embeddings', { model: 'demo:assistant', input: 'x' })).status).toBe(200);
  });

  it('is not helped by a field that comes twice: what counts for us is what goes upstream', async () => {
    const { key } = await create({ name: 'twice', models: ['demo:assistant'] });
    const twice = (first: string, last: string) =>
      call('POST', '/v1/chat/completions', {
        key,
        body: `{"model":"${first}","messages":[{"role":"user","content":"Hi"}],"model":"${last}"}`,
      });
    expect((await twice('demo:assistant', 'demo:other')).status).toBe(403);
    const served = await twice('demo:other', 'demo:assistant');
    expect(served.headers.get('x-moltbot-model')).toBe('demo:assistant');
  });

  it('sees only these in the list of models', async () => {
    const { key } = await create({ name: 'looking', models: ['demo:assistant'] });
    const list = (await (await call('GET', '/v1/models', { key })).json()) as { data: { id: string }[] };
    expect(list.data.map(({ id }) => id)).toEqual(['demo:assistant']);
    expect((await call('GET', '/v1/models/demo:assistant', { key })).status).toBe(200);
    for (const id of ['default', 'demo:other', 'nothing']) {
      expect([id, (await call('GET', `/v1/models/${id}`, { key })).status]).toEqual([id, 403]);
    }
  });
});

describe('the audit log', () => {
  it('has every act with who did it, where from and to what, and no secret', async () => {
    const made = await create({ name: 'watched', models: ['default'] });
    await call('PATCH', `/v1/admin/keys/${made.id}`, { body: { limits: { parallel_requests: 2 } } });
    const rotated = (await (
      await call('POST', `/v1/admin/keys/${made.id}/rotate`, { body: { grace: '1m' } })
    ).json()) as KeyObject;
    await call('DELETE', `/v1/admin/keys/${made.id}`);
    const entries = (await audit('action=key&limit=1000')).filter(({ target }) => target === made.id);
    expect(entries.map(({ action }) => action)).toEqual(['key.revoke', 'key.rotate', 'key.update', 'key.create']);
    for (const entry of entries) {
      expect(entry).toMatchObject({
        actor: ownerId,
        actor_name: 'owner',
        outcome: 'allowed',
        source: '127.0.0.1',
        request_id: expect.stringMatching(/^req_/),
        count: 1,
      });
    }
    expect(entries[2]?.detail).toMatchObject({ name: 'watched', limits: { parallel_requests: 2 } });
    const everything = JSON.stringify(await audit('limit=1000'));
    for (const secret of [made.key, rotated.key, owner]) expect(everything).not.toContain(secret);
  });

  it('has every refused request, whoever asked', async () => {
    // The refusals of the tests before are summed up with these within the same second.
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    const app = await create({ name: 'refused', models: ['demo:assistant'] });
    const revoked = await create({ name: 'gone' });
    await call('DELETE', `/v1/admin/keys/${revoked.id}`);
    const answers = [
      await call('GET', '/v1/models', { key: '' }),
      await chat(app.key, { body: { model: 'demo:secret-project' } }),
      await call('GET', '/v1/admin/keys?x=SECRET', { key: app.key }),
    ];
    const known = await refusedAfter(revoked.key, primary);
    expect(known.status).toBe(401);
    const ids = answers.map((answer) => answer.headers.get('x-request-id'));
    const entries = await audit('outcome=denied&limit=1000');
    const entry = (index: number) => entries.find(({ request_id: id }) => id === ids[index]);
    expect(entry(0)).toMatchObject({
      actor: 'unknown',
      action: 'request',
      target: '/v1/models',
      error_code: 'authentication_required',
      detail: { method: 'GET' },
    });
    expect(entry(1)).toMatchObject({
      actor: app.id,
      actor_name: 'refused',
      target: '/v1/chat/completions',
      error_code: 'permission_denied',
      detail: { model: 'demo:secret-project' },
    });
    expect(entry(2)).toMatchObject({ actor: app.id, target: '/v1/admin/keys' });
    expect((await audit(`actor=${revoked.id}`))[0]).toMatchObject({
      error_code: 'invalid_api_key',
      detail: { reason: 'revoked' },
    });
    expect(JSON.stringify(entries)).not.toContain('SECRET');
  });

  it('sums up a flood of wrong keys, and chat goes on through it', async () => {
    const before = (await storage.db.kysely.selectFrom('audit_log').select('id').execute()).length;
    const { key } = await create({ name: 'through the flood' });
    const flood = Array.from({ length: 1_000 }, () => call('GET', '/v1/models', { key: 'mb_wrong' }));
    const served = await chat(key);
    expect(served.status).toBe(200);
    for (const answer of await Promise.all(flood)) {
      await answer.arrayBuffer();
      expect(answer.status).toBe(401);
    }
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    const entries = await audit('outcome=denied&since=1m&limit=1000');
    const wrong = entries.filter(({ detail, error_code: code }) => code === 'invalid_api_key' && detail?.['summary']);
    expect(wrong.reduce((sum, { count }) => sum + count, 0)).toBeGreaterThan(900);
    const after = (await storage.db.kysely.selectFrom('audit_log').select('id').execute()).length;
    expect(after - before).toBeLessThan(60);
    await expectMetric(primary, { name: 'moltbot_audit_rows_dropped_total', value: (value) => value === 0 });
  });

  it('is read a page after another, newest first', async () => {
    const page = async (query: string) =>
      (await (await call('GET', `/v1/admin/audit?${query}`)).json()) as {
        data: AuditEntry[];
        has_more: boolean;
        next_after: string | null;
      };
    const first = await page('action=key&limit=3');
    const next = await page(`action=key&limit=3&after=${first.next_after}`);
    const ids = [...first.data, ...next.data].map(({ id }) => id);
    expect(ids).toEqual(ids.toSorted().toReversed());
    expect(new Set(ids).size).toBe(6);
    expect((await page('actor=nobody')).data).toEqual([]);
    expect((await page('until=1h')).data).toEqual([]);
  });
});

describe('in open access', () => {
  let open: PrimaryProcess;
  beforeAll(async () => {
    open = await startPrimary();
  });
  afterAll(() => open?.stop());

  it('this machine’s user administers, and no web page does', async () => {
    const { port } = new URL(open.url);
    const made = await call('POST', '/v1/admin/keys', { key: '', body: { name: 'by me' }, on: open });
    expect(made.status).toBe(201);
    const [act] = (
      (await (await call('GET', '/v1/admin/audit', { key: '', on: open })).json()) as { data: AuditEntry[] }
    ).data;
    expect(act).toMatchObject({ actor: 'local', action: 'key.create', source: '127.0.0.1' });
    const status = async (lines: readonly string[]) =>
      (await sendRaw(open.url, `GET /v1/admin/keys HTTP/1.1\r\n${lines.join('\r\n')}\r\nconnection: close\r\n\r\n`))
        .status;
    const host = `host: 127.0.0.1:${port}`;
    expect(await status([host])).toBe(200);
    expect(await status([host, `origin: http://127.0.0.1:${port}`, 'sec-fetch-site: same-origin'])).toBe(200);
    for (const lines of [
      ['host: evil.example'],
      [host, 'origin: https://evil.example'],
      [host, 'origin: null'],
      [host, 'sec-fetch-site: cross-site'],
      [host, 'sec-fetch-site: same-site'],
    ]) {
      expect([lines, await status(lines)]).toEqual([lines, 403]);
    }
    // A form of a page can send no JSON without asking first, and is never given leave.
    const form = await fetch(`${open.url}/v1/admin/keys`, { method: 'POST', body: '{"name":"x"}' });
    expect(form.status).toBe(415);
    const denied = (await (await call('GET', '/v1/admin/audit?outcome=denied', { key: '', on: open })).json()) as {
      data: AuditEntry[];
    };
    expect(denied.data.map(({ error_code: code, actor }) => [code, actor])).toEqual(
      Array.from({ length: 5 }, () => ['forbidden_origin', 'unknown']),
    );
  });
});
