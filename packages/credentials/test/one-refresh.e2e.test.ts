import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type AuthorizationServer, startAuthorizationServer } from '@moltbot/auth/testing';
import { type Fleet, openFleet, sum } from './fleet.js';
import { STORES, type TestStore } from './stores.js';

const PROCESSES = 8;
const CALLS = 500;
const EXPIRIES = 20;
const SHORT_SECONDS = 2;
const LONG_SECONDS = 600;

interface Result {
  readonly refreshes: number;
  readonly reuses: number;
  readonly tokenRequests: AuthorizationServer['tokenRequests'];
  readonly outcomes: Readonly<Record<string, number>>;
  readonly events: Fleet['events'];
}

/**
 * What "20 expiries" are: the token of the sign-in and the 19 after it live for two seconds, the 20th refresh brings one that
 * lives on. So 20 tokens come to their end while the calls are made, and nothing else is a reason to refresh. The API takes a
 * token for some seconds after its end, as APIs do for clocks that differ: the server counts in whole seconds, and a busy
 * machine is late; a token that was revoked (by a second use of its refresh token) or never issued is refused at once.
 */
async function run(openStore: () => Promise<TestStore>): Promise<Result> {
  const server: AuthorizationServer = await startAuthorizationServer({
    accessTokenSeconds: () => (server.refreshes < EXPIRIES - 1 ? SHORT_SECONDS : LONG_SECONDS),
    leewaySeconds: 20,
  });
  const store = await openStore();
  const fleet = await openFleet({ server, place: store.place, refreshTimeoutMs: 10_000 });
  try {
    const callers = await Promise.all(Array.from({ length: PROCESSES }, () => fleet.start()));
    const outcomes: Promise<Readonly<Record<string, number>>>[] = [];
    for (let life = 0; life < EXPIRIES; life += 1) {
      // In the life of each of the 20 tokens, to the end of it and into the next.
      outcomes.push(...callers.map((caller) => caller.call({ count: CALLS / EXPIRIES, gapMs: 40 })));
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
