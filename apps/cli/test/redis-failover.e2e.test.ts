import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type RedisFleet, startRedisCluster, startSentinels } from '@moltbot/redis/testing';
import type { DoctorReport } from '../src/doctor/report.js';
import { moltbot, type RunningMoltbot, startMoltbot, type TemporaryHome, temporaryHome } from './moltbot.js';

const PASSWORD = 'hunter2-sentinel';
let sentinels: RedisFleet;
let cluster: RedisFleet;
let home: TemporaryHome;
let server: RunningMoltbot;

beforeAll(async () => {
  sentinels = await startSentinels(PASSWORD);
  cluster = await startRedisCluster();
  home = temporaryHome({ queue: { url: sentinels.url }, worker: { metrics_port: 0, takeover_after: '2s' } });
  server = await startMoltbot({ home: home.path });
}, 120_000);

afterAll(async () => {
  await server?.end();
  home?.remove();
  await Promise.all([sentinels?.remove(), cluster?.remove()]);
}, 60_000);

async function post(path: string, body: object, headers: Record<string, string> = {}): Promise<Response> {
  return await fetch(`${server.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
}

describe('a Redis behind sentinels', () => {
  it('is understood by the doctor, as a cluster is, and its login stays there', async () => {
    const elsewhere = temporaryHome({ queue: { url: sentinels.url }, state: { url: cluster.url } });
    try {
      const { stdout } = await moltbot(['doctor', '--json', '--only', 'queue,state'], { home: elsewhere.path });
      const { checks } = JSON.parse(stdout) as DoctorReport;
      const seen = checks.map(({ id, status }) => [id, status]);
      expect(seen).toEqual([
        ['queue.reachable', 'ok'],
        ['state.reachable', 'ok'],
      ]);
      expect(stdout).toMatch(/Redis \d+\.\d+/);
      expect(stdout).not.toContain(PASSWORD);
      elsewhere.writeConfig({ queue: { url: `redis+sentinel://:${PASSWORD}@127.0.0.1:1/main` } });
      const away = await moltbot(['doctor', '--json', '--only', 'queue'], { home: elsewhere.path });
      expect(away.stdout).toContain('no sentinel answers');
      expect(away.stdout + away.stderr).not.toContain(PASSWORD);
    } finally {
      elsewhere.remove();
    }
  });

  it('may lose its primary in the middle: every chat is answered, every accepted job is done', async () => {
    const going = new AbortController();
    const chats: number[] = [];
    const chatting = (async () => {
      while (!going.signal.aborted) {
        const messages = [{ role: 'user', content: 'Hello' }];
        const response = await post('/v1/chat/completions', { model: 'default', messages });
        await response.arrayBuffer();
        chats.push(response.status);
        await pause(50);
      }
    })();
    const accepted = new Set<string>();
    const refused: number[] = [];
    const submitting = (async () => {
      for (let index = 0; !going.signal.aborted; index += 1) {
        const response = await post(
          '/v1/jobs',
          { type: 'probe', payload: {} },
          { 'idempotency-key': `probe-${index}` },
        );
        const body = (await response.json()) as { readonly id?: string };
        if (response.ok && body.id !== undefined) accepted.add(body.id);
        else refused.push(response.status);
        await pause(50);
      }
    })();
    await pause(1_500);
    expect(accepted.size).toBeGreaterThan(3);
    await sentinels.killPrimary();
    const before = accepted.size;
    const until = performance.now() + 40_000;
    while (accepted.size < before + 5 && performance.now() < until) await pause(100);
    going.abort();
    await Promise.all([chatting, submitting]);
    expect(chats.filter((status) => status !== 200)).toEqual([]);
    expect(chats.length).toBeGreaterThan(20);
    // Told to try again, and not accepted.
    expect(refused.filter((status) => status !== 503)).toEqual([]);
    expect(accepted.size).toBeGreaterThanOrEqual(before + 5);
    const states = new Map<string, string>();
    while (performance.now() < until) {
      for (const id of accepted) {
        if (states.get(id) === 'completed') continue;
        const response = await fetch(`${server.url}/v1/jobs/${encodeURIComponent(id)}`);
        const job = (await response.json()) as { readonly state?: string };
        states.set(id, job.state ?? `status ${response.status}`);
      }
      if ([...accepted].every((id) => states.get(id) === 'completed')) break;
      await pause(200);
    }
    expect([...accepted].filter((id) => states.get(id) !== 'completed').map((id) => [id, states.get(id)])).toEqual([]);
  }, 90_000);
});
