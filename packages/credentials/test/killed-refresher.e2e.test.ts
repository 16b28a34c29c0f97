import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type AuthorizationServer, startAuthorizationServer } from '@moltbot/auth/testing';
import { CREDENTIAL } from './caller-orders.js';
import { type Caller, openFleet } from './fleet.js';
import { STORES, type TestStore } from './stores.js';

const PROCESSES = 4;
const KILLS = 5;

interface Result {
  readonly refreshes: number;
  readonly reuses: number;
  /** Kills that hit a refresh that had been claimed and not stored. */
  readonly hits: number;
  readonly states: readonly string[];
  /** Of one more refresh at the end, with the pair that is in the store then. */
  readonly last: string;
  readonly revoked: number;
}

interface Row {
  readonly state?: string;
  readonly claim?: { readonly sent: boolean };
}

/**
 * Whenever a refresh has been claimed, the process that did it is killed a random moment later: before it started the refresh
 * process, while that is starting, between the request and the answer, before and after the pair is stored. Then it is started anew.
 */
async function run(openStore: () => Promise<TestStore>): Promise<Result> {
  const server: AuthorizationServer = await startAuthorizationServer({ accessTokenSeconds: 3 });
  const store = await openStore();
  const fleet = await openFleet({ server, place: store.place, refreshTimeoutMs: 10_000 });
  const states = new Set<string>();
  const rowNow = async (): Promise<Row> => {
    const row = JSON.parse((await fleet.store.read(CREDENTIAL))?.value ?? '{}') as Row;
    states.add(row.state ?? 'none');
    return row;
  };
  let hits = 0;
  try {
    const callers = await Promise.all(Array.from({ length: PROCESSES }, () => fleet.start()));
    const load = setInterval(() => {
      // What they end with is of no interest here: a killed process answers nobody.
      for (const caller of callers) caller.call({ count: 2, gapMs: 50 }).catch(() => undefined);
    }, 200);
    for (let kill = 0; kill < KILLS; kill += 1) {
      while ((await rowNow()).claim === undefined) await wait(5);
      const refreshing = callers.filter(hasChild);
      await wait(Math.random() ** 2 * 400);
      const victims = refreshing.length > 0 && kill % 3 > 0 ? refreshing : [...callers];
      if ((await rowNow()).claim !== undefined) hits += 1;
      await Promise.all(victims.map((caller) => caller.kill()));
      await Promise.all(
        victims.map(async (victim) => {
          callers[callers.indexOf(victim)] = await fleet.start();
        }),
      );
      while ((await rowNow()).claim !== undefined) await wait(20);
    }
    clearInterval(load);
    const last = await refreshOnce(callers[0]);
    await rowNow();
    await Promise.all(callers.map((caller) => caller.close()));
    const revoked = fleet.events.filter(({ type }) => type === 'credential-revoked').length;
    const { refreshes, reuses } = server;
    return { refreshes, reuses, hits, states: [...states], last, revoked };
  } finally {
    await fleet.close();
    await store.remove();
    await server.stop();
  }
}

/** On a busy machine the store may be late. */
async function refreshOnce(caller: Caller | undefined): Promise<string> {
  for (let tries = 0; ; tries += 1) {
    const outcome = (await caller?.refresh()) ?? '';
    if (outcome !== 'token_store_unavailable' || tries > 20) return outcome;
    await wait(500);
  }
}

/** Whether its refresh process runs; where the system tells (Linux). */
function hasChild({ pid }: Caller): boolean {
  const file = `/proc/${pid}/task/${pid}/children`;
  try {
    return existsSync(file) && readFileSync(file, 'utf8').trim() !== '';
  } catch {
    return false;
  }
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

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

describe.each(Object.keys(STORES) as (keyof typeof STORES)[])(
  'the refresher killed at random moments, on %s',
  (name) => {
    let result: Result;
    beforeAll(async () => {
      result = await (runs[name] as Promise<Result>);
    }, 300_000);

    it('loses no pair: the last one still refreshes, and nobody has to sign in again', () => {
      expect(result.states).toEqual(['signed-in']);
      expect(result.last).toBe('refreshed');
      expect(result.revoked).toBe(0);
    });

    it('uses no refresh token twice', () => {
      expect(result.reuses).toBe(0);
      expect(result.refreshes).toBeGreaterThan(0);
    });

    it('was killed in the middle of refreshes', () => {
      expect(result.hits).toBeGreaterThan(0);
    });
  },
);
