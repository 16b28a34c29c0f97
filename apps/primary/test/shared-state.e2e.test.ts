import { setTimeout as sleepFor } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ScriptedUpstream, startScriptedUpstream } from '@moltbot/providers/testing';
import { type RedisServer, startRedisServer } from '../../../packages/state/src/testing/redis-server.js';
import { type PrimaryProcess, startPrimary, temporaryHome } from './primary-process.js';
import { good } from './refusal.js';

/** Two primaries as users run them, over one Redis: what one has found out the other knows. */

const home = temporaryHome();
let redis: RedisServer;
let dead: ScriptedUpstream;
let poor: ScriptedUpstream;
let healthy: ScriptedUpstream;
const primaries: PrimaryProcess[] = [];

beforeAll(async () => {
  redis = await startRedisServer();
  dead = await startScriptedUpstream({ script: { type: 'status', status: 500 } });
  healthy = await startScriptedUpstream({ script: { type: 'answer' } });
  poor = await startScriptedUpstream({
    script: ({ headers }) =>
      headers['authorization'] === 'Bearer empty' ? { type: 'status', status: 402 } : { type: 'answer' },
  });
  const local = (upstream: ScriptedUpstream) => ({
    kind: 'openai-compatible',
    base_url: upstream.baseUrl('openai-chat'),
  });
  const config = {
    state: { url: redis.url },
    models: { primary: 'dead:m', fallbacks: ['healthy:m'], retry_policy: { max_attempts: 1 } },
    providers: { dead: local(dead), healthy: local(healthy), poor: local(poor) },
    breaker: { failures: 1, open_for: '5s', max_open_for: '5s' },
  };
  const auth = { poor: { type: 'api_key', key: 'empty' }, 'poor:b': { type: 'api_key', key: 'full' } };
  for (let index = 0; index < 2; index += 1) primaries.push(await startPrimary({ home: home.path, config, auth }));
});

afterAll(async () => {
  for (const primary of primaries) await primary.stop();
  await Promise.all([dead, poor, healthy].map(async (upstream) => upstream?.close()));
  await redis?.remove();
  home.remove();
});

async function ask(primary: PrimaryProcess | undefined, model = 'default'): Promise<string> {
  const answer = await fetch(`${primary?.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...good, model }),
  });
  await answer.arrayBuffer();
  return `${answer.status} ${answer.headers.get('x-moltbot-model')}`;
}

/** What `/ready` says of the shared state; the server itself is ready all the same. */
async function sharedState(primary: PrimaryProcess | undefined): Promise<unknown> {
  const answer = await fetch(`${primary?.url}/ready`);
  const body = (await answer.json()) as { readonly details: { readonly state?: { readonly detail?: string } } };
  return `${answer.status} ${body.details.state?.detail}`;
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 8_000;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error('it did not come about in time');
    await sleepFor(20);
  }
}

describe('two primaries on one Redis', () => {
  it('say that they share their state', async () => {
    for (const primary of primaries) await until(async () => (await sharedState(primary)) === '200 redis');
  });

  it('call a dead target once in 5 s between them', async () => {
    const end = performance.now() + 11_000;
    while (performance.now() < end) {
      const answers = await Promise.all(primaries.flatMap((primary) => [ask(primary), ask(primary)]));
      expect(new Set(answers)).toEqual(new Set(['200 healthy:m']));
      await sleepFor(20);
    }
    // Before the first failure is known, those under way at the same time may call it too.
    const times = dead.requests.map(({ at }) => at);
    const first = times[0] ?? 0;
    const later = times.filter((at) => at - first > 1_000);
    expect(later.length).toBeGreaterThanOrEqual(1);
    expect(later.length).toBeLessThanOrEqual(2);
    expect(Math.min(...later) - first).toBeGreaterThanOrEqual(4_950);
    expect((later[1] ?? Number.POSITIVE_INFINITY) - (later[0] ?? 0)).toBeGreaterThanOrEqual(4_950);
  });

  it('know of each other’s empty account', async () => {
    expect(await ask(primaries[0], 'poor:m')).toBe('200 poor:m');
    await sleepFor(100);
    expect(await ask(primaries[1], 'poor:m')).toBe('200 poor:m');
    expect(poor.requests.map(({ headers }) => headers['authorization'])).toEqual([
      'Bearer empty',
      'Bearer full',
      'Bearer full',
    ]);
  });

  it('go on without it, and say so', async () => {
    await redis.kill();
    await until(async () => (await sharedState(primaries[0])) === '200 redis: ECONNREFUSED');
    for (const primary of primaries) {
      const started = performance.now();
      expect(await ask(primary)).toBe('200 healthy:m');
      expect(performance.now() - started).toBeLessThan(1_000);
    }
    await redis.start();
    await until(async () => (await sharedState(primaries[0])) === '200 redis');
  });
});
