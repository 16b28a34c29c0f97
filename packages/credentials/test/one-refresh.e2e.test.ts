import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type AuthorizationServer, startAuthorizationServer } from '@moltbot/auth/testing';
import { type Fleet, openFleet, sum } from './fleet.js';
import { STORES, type TestStore } from './stores.js';

const PROCESSES = 8;
const CALLS = 500;
const EXPIRIES = 20;
const LONG_SECONDS = 600;

interface Result {
  readonly refreshes: number;
  readonly reuses: number;
  readonly tokenRequests: AuthorizationServer['tokenRequests'];
  readonly outcomes: Readonly<Record<string, number>>;
  readonly events: Fleet['events'];
}

/**
 * What "20 expiries" are: the token of the sign-in and the 19 after it are short-lived, the 20th refresh brings one that lives
 * on. So 20 tokens come to their end while the calls are made, and nothing else is a reason to refresh. Their life follows the
 * speed of the machine: 3 s (the server rounds down to whole seconds), longer where refreshes take long.
 */
async function run(openStore: () => Promise<TestStore>): Promise<Result> {
  const known: { fleet?: Fleet } = {};
  const server: AuthorizationServer = await startAuthorizationServer({
    accessTokenSeconds: () => (server.refreshes < EXPIRIES - 1 ? shortLife(known.fleet?.events) : LONG_SECONDS),
  });
  const store = await openStore();
  const fleet = await openFleet({ server, place: store.place, refreshTimeoutMs: 10_000 });
  known.fleet = fleet;
  try {
    const callers = await Promise.all(Array.from({ length: PROCESSES }, () => fleet.start()));
    const outcomes: Promise<Readonly<Record<string, number>>>[] = [];
    for (let life = 0; life < EXPIRIES; life += 1) {
      // In the life of each of the 20 tokens, to the end of it and into the next.
      outcomes.push(...callers.map((caller) => caller.call({ count: CALLS / EXPIRIES, gapMs: 60 })));
      while (server.refreshes <= life) await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const all = await Promise.all(outcomes);
    await Promise.all(callers.map((caller) => caller.close()));
    const { refreshes, reuses, tokenRequests } = server;
    return { refreshes, reuses, tokenRequests, outcomes: sum(all), events: fleet.events };
  } finally {
    await fleet.close();
    await store.remove();
    await server.stop();
  }
}

function shortLife(events: Fleet['events'] = []): number {
  const durations = events.map((event) => (event.type === 'credential-refreshed' ? event.durationMs : 0)).slice(-5);
  return Math.max(3, Math.ceil((5 * Math.max(0, ...durations)) / 1_000));
}

/** The three at the same time: most of it is waiting. */
const runs: Partial<Record<keyof typeof STORES, Promise<Result>>> = {};
beforeAll(() => {
  for (const [name, openStore] of Object.entries(STORES)) {
    const result = run(openStore);
    result.catch(() => undefined);
    runs[name as keyof typeof STORES] = result;
  }
});
afterAll(async () => {
  await Promise.allSettled(Object.values(runs));
}, 300_000);

describe.each(Object.keys(STORES) as (keyof typeof STORES)[])('8 processes over 20 expiries, on %s', (name) => {
  let result: Result;
  beforeAll(async () => {
    result = await (runs[name] as Promise<Result>);
  }, 300_000);

  it('refresh 20 times, and use no refresh token twice', () => {
    const requests = result.tokenRequests.filter(({ grantType }) => grantType === 'refresh_token');
    expect({ refreshes: result.refreshes, requests: requests.length, reuses: result.reuses }).toEqual({
      refreshes: EXPIRIES,
      requests: EXPIRIES,
      reuses: 0,
    });
  });

  it('answer all 4000 calls', () => {
    const { answered = 0, 'answered after a 401': second = 0, ...failed } = result.outcomes;
    expect(failed).toEqual({});
    expect(answered + second).toBe(PROCESSES * CALLS);
  });

  it('tell of each refresh once', () => {
    const told = result.events.filter(({ type }) => type.startsWith('credential-'));
    expect(told.map(({ type }) => type)).toEqual(Array.from({ length: EXPIRIES }, () => 'credential-refreshed'));
  });
});
