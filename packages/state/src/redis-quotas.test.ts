import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { QuotaAsk, QuotaGrant, Quotas } from './quotas.js';
import { openQuotas } from './open-quotas.js';
import { createRedisQuotas, type QuotasEvent, type RedisQuotasOptions } from './redis-quotas.js';
import { describeQuotas } from './testing/describe-quotas.js';
import { type RedisServer, startRedisServer } from './testing/redis-server.js';

let server: RedisServer;
let prefixes = 0;
const opened: Quotas[] = [];

beforeAll(async () => {
  server = await startRedisServer();
});
afterEach(async () => {
  for (const quotas of opened.splice(0)) await quotas.close();
});
afterAll(async () => {
  await server?.remove();
});

function open(options: Partial<RedisQuotasOptions> = {}): Quotas {
  const quotas = createRedisQuotas({ url: server.url, prefix: `test-${prefixes}`, timeoutMs: 2_000, ...options });
  opened.push(quotas);
  return quotas;
}

const ask: QuotaAsk = {
  key: 'key_a',
  requestsPerMinute: undefined,
  tokensPerMinute: undefined,
  parallel: undefined,
  tokens: 0,
};

function granted(answer: Awaited<ReturnType<Quotas['take']>>): QuotaGrant {
  if (answer.granted) return answer;
  throw new Error(`refused by ${answer.by}`);
}

describeQuotas('createRedisQuotas', async () => {
  prefixes += 1;
  let now = 1_700_000_000_000;
  // Leases are held on by real timers, which know nothing of this clock.
  const options = { clock: () => now, leaseMs: 1_000_000_000 };
  const [quotas, other] = [open(options), open(options)];
  return {
    quotas,
    other,
    now: () => now,
    pass: (ms) => {
      now += ms;
    },
    // Redis answers each connection in order, and a request of the other has to come after.
    settle: async () => {
      await quotas.take({ ...ask, key: 'settle' });
      await other.take({ ...ask, key: 'settle' });
    },
    numRuns: 25,
  };
});

describe('createRedisQuotas', () => {
  it('counts by the clock of Redis where none is given, for all processes together', async () => {
    prefixes += 1;
    const both = [open(), open()] as const;
    const answers = await Promise.all(
      Array.from({ length: 200 }, async (_, index) =>
        both[index % 2 === 0 ? 0 : 1].take({ ...ask, requestsPerMinute: 50 }),
      ),
    );
    expect(answers.filter((answer) => answer.granted)).toHaveLength(50);
    for (const answer of answers) {
      if (answer.granted) continue;
      expect(answer.retryAfterMs).toBeGreaterThan(55_000);
      expect(answer.retryAfterMs).toBeLessThanOrEqual(61_000);
    }
  });

  it('frees the places of a process that is gone, and of no other', async () => {
    prefixes += 1;
    const [alive, gone] = [open({ leaseMs: 300 }), open({ leaseMs: 300 })];
    const places = { ...ask, parallel: 2 };
    const held = granted(await alive.take(places));
    granted(await gone.take(places));
    expect((await alive.take(places)).granted).toBe(false);
    await gone.close();
    await pause(500);
    granted(await alive.take(places));
    // The living one's place is held on for as long as it is needed.
    expect((await alive.take(places)).granted).toBe(false);
    held.end(0);
    granted(await alive.take(places));
  });

  it('counts for itself while Redis is away, and together again once it is back', async () => {
    prefixes += 1;
    const events: QuotasEvent[] = [];
    const quotas = open({ timeoutMs: 100, onEvent: (event) => events.push(event) });
    const limited = { ...ask, requestsPerMinute: 2, parallel: 5 };
    granted(await quotas.take(limited)).end(0);
    await server.kill();
    const started = performance.now();
    const mine = [await quotas.take(limited), await quotas.take(limited), await quotas.take(limited)];
    expect(performance.now() - started).toBeLessThan(1_000);
    expect(mine.map((answer) => answer.granted)).toEqual([true, true, false]);
    for (const answer of mine) if (answer.granted) answer.end(5);
    await server.start();
    for (const end = performance.now() + 8_000; performance.now() < end; await pause(20)) {
      await quotas.take({ ...ask, key: 'again', requestsPerMinute: 1_000_000 });
      if (events.at(-1)?.shared === true) break;
    }
    expect(events.map(({ shared }) => shared)).toEqual([true, false, true]);
    expect(events[1]?.reason).not.toContain('redis://');
  }, 20_000);

  it('takes back what Redis granted too late', async () => {
    prefixes += 1;
    const quotas = open({ timeoutMs: 60 });
    const limited = { ...ask, parallel: 1, tokensPerMinute: 10, tokens: 10 };
    await quotas.take(ask);
    server.freeze();
    // Let in by its own count.
    const own = granted(await quotas.take(limited));
    server.thaw();
    let answer = await quotas.take(limited);
    for (const end = performance.now() + 3_000; performance.now() < end && !answer.granted; await pause(20)) {
      answer = await quotas.take({ ...limited, key: 'key_a' });
    }
    granted(answer);
    own.end(0);
  });

  it('is chosen by the settings of the shared state', async () => {
    const chosen = [
      openQuotas({ url: 'auto' }),
      openQuotas({ url: 'auto', queueUrl: 'postgres://127.0.0.1/x' }),
      openQuotas({ url: 'memory', queueUrl: server.url }),
      openQuotas({ url: 'auto', queueUrl: server.url }),
      openQuotas({ url: server.url, queueUrl: 'storage' }),
    ];
    opened.push(...chosen);
    const answers = chosen.map((quotas) => quotas.take({ ...ask, key: 'chosen', parallel: 9 }));
    expect(answers.map((answer) => answer instanceof Promise)).toEqual([false, false, false, true, true]);
    for (const answer of answers) granted(await answer).end(0);
  });
});
