import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { generateApiKey } from '@moltbot/auth';
import { openStorage, type Storage } from '@moltbot/storage';
import { join } from 'node:path';
import { startRedisServer } from '../../../packages/queue/test/redis-server.js';
import { type PrimaryProcess, startPrimary, temporaryHome } from './primary-process.js';

const home = temporaryHome();
const keys: Record<string, string> = {};
let storage: Storage;
let primary: PrimaryProcess;
let onRedis: PrimaryProcess;
let redis: Awaited<ReturnType<typeof startRedisServer>>;

beforeAll(async () => {
  storage = await openStorage({
    settings: { storage: { url: 'embedded' } },
    paths: { dataDirectory: join(home.path, 'data') },
  });
  for (const name of ['jobs', 'admin'] as const) {
    const { key, hash, prefix } = generateApiKey();
    keys[name] = key.reveal();
    await storage.apiKeys.create({ name, hash, prefix, scopes: [name] });
  }
  redis = await startRedisServer();
  const { url } = redis.connection as { readonly url: string };
  const server = { access: 'api_key' };
  primary = await startPrimary({ home: home.path, config: { server } });
  onRedis = await startPrimary({ home: home.path, config: { server, queue: { url } } });
}, 60_000);

afterAll(async () => {
  await Promise.all([primary?.stop(), onRedis?.stop()]);
  await redis?.remove();
  await storage?.close();
  home.remove();
}, 60_000);

async function signIn(server: PrimaryProcess, key: string): Promise<string> {
  const answer = await fetch(`${server.url}/auth/session`, {
    method: 'POST',
    headers: { origin: server.url, 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ key }),
    redirect: 'manual',
  });
  return answer.headers.get('set-cookie')?.split(';')[0] ?? '';
}

async function submit(server: PrimaryProcess): Promise<string> {
  const answer = await fetch(`${server.url}/v1/jobs`, {
    method: 'POST',
    headers: { authorization: `Bearer ${keys['jobs']}`, 'content-type': 'application/json' },
    body: JSON.stringify({ type: 'probe', delay: '1h' }),
  });
  return ((await answer.json()) as { readonly id: string }).id;
}

describe('the board of queues', () => {
  it.each(['the database', 'Redis'])('shows what is queued in %s to an administrator', async (backend) => {
    const server = backend === 'Redis' ? onRedis : primary;
    const id = await submit(server);
    const cookie = await signIn(server, keys['admin'] ?? '');
    const page = await fetch(`${server.url}/admin/queues`, { headers: { cookie, accept: 'text/html' } });
    expect(page.status).toBe(200);
    expect(page.headers.get('content-security-policy')).toContain("default-src 'self'");
    const html = await page.text();
    expect(html).toContain('<base href="/admin/queues/"');
    const script = /src="(static\/js\/main[^"]+)"/.exec(html)?.[1] ?? 'none';
    expect((await fetch(`${server.url}/admin/queues/${script}`, { headers: { cookie } })).status).toBe(200);
    const queues = await fetch(
      `${server.url}/admin/queues/api/queues?activeQueue=compute&status=delayed&page=1&jobsPerPage=10`,
      {
        headers: { cookie },
      },
    );
    expect(queues.status).toBe(200);
    const shown = (await queues.json()) as {
      readonly queues: readonly { readonly name: string; readonly jobs: readonly { readonly id: string }[] }[];
    };
    expect(shown.queues.map(({ name }) => name)).toEqual(expect.arrayContaining(['default', 'compute']));
    expect(shown.queues.find(({ name }) => name === 'compute')?.jobs.map((job) => job.id)).toContain(id);
    const promoted = `${server.url}/admin/queues/api/queues/compute/${id}/promote`;
    expect((await fetch(promoted, { method: 'PUT', headers: { cookie } })).status).toBe(403);
    expect((await fetch(promoted, { method: 'PUT', headers: { cookie, origin: server.url } })).status).toBe(204);
    const job = await fetch(`${server.url}/v1/jobs/${id}`, { headers: { authorization: `Bearer ${keys['jobs']}` } });
    expect(await job.json()).toMatchObject({ state: 'waiting' });
    const audit = await fetch(`${server.url}/v1/admin/audit?action=queue`, {
      headers: { authorization: `Bearer ${keys['admin']}` },
    });
    const { data } = (await audit.json()) as { readonly data: readonly Record<string, unknown>[] };
    expect(data[0]).toMatchObject({
      action: 'queue.change',
      actor_name: 'admin',
      target: `/admin/queues/api/queues/compute/${id}/promote`,
    });
  });

  it('is closed to everybody else, down to its scripts', async () => {
    const cookies = [undefined, 'moltbot_session=x', await signIn(primary, keys['jobs'] ?? '')];
    for (const cookie of cookies) {
      for (const path of ['', '/api/queues', '/static/js/main.js', '/queue/default']) {
        const answer = await fetch(`${primary.url}/admin/queues${path}`, { headers: cookie ? { cookie } : {} });
        expect([path, answer.status]).toEqual([path, 401]);
      }
    }
    const page = await fetch(`${primary.url}/admin/queues`, { headers: { accept: 'text/html' }, redirect: 'manual' });
    expect(page.status).toBe(303);
    expect(page.headers.get('location')).toBe('/auth');
    const other = { cookie: await signIn(primary, keys['admin'] ?? ''), origin: 'https://evil.example' };
    const answer = await fetch(`${primary.url}/admin/queues/api/queues/compute/pause`, {
      method: 'PUT',
      headers: other,
    });
    expect(answer.status).toBe(403);
  });

  it('says that the queue is away, in bounded time, and goes on when it is back', async () => {
    await redis.down();
    const headers = { authorization: `Bearer ${keys['jobs']}`, 'content-type': 'application/json' };
    for (const [path, body] of [
      ['/v1/jobs', undefined],
      ['/v1/jobs', { type: 'probe' }],
      ['/v1/jobs/probe-0-k00000000000000000000000000000000', undefined],
    ] as const) {
      const began = performance.now();
      const answer = await fetch(onRedis.url + path, {
        headers,
        ...(body && { method: 'POST', body: JSON.stringify(body) }),
      });
      expect([path, answer.status]).toEqual([path, 503]);
      expect(await answer.json()).toMatchObject({ error: { code: 'queue_unavailable' } });
      expect(performance.now() - began).toBeLessThan(7_000);
    }
    await redis.up();
    for (let tries = 0; tries < 100; tries += 1) {
      const answer = await fetch(`${onRedis.url}/v1/jobs`, { headers });
      if (answer.status === 200) return;
    }
    throw new Error('the queue is not found again');
  }, 40_000);
});
