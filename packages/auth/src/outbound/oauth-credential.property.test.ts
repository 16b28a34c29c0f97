import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { openTokens } from './run-refresh.js';
import { parseTokenRecord, type StoredPair } from './token-record.js';
import { PLAIN_SEALER, type ServerFaults } from './__fixtures__/simulated-parts.js';
import {
  call,
  ID,
  lastRecord,
  LIFE_MS,
  openWorld,
  type Server,
  signIn,
  startServer,
  TIMING,
  type World,
} from './__fixtures__/simulated-world.js';

function tokensOf(pair: StoredPair) {
  return openTokens({ sealer: PLAIN_SEALER, credentialId: ID, sealed: pair.sealed });
}

/** The pairs that were stored, in their order, each once. */
function storedPairs(world: World): StoredPair[] {
  const pairs: StoredPair[] = [];
  for (const { value } of world.store.writes) {
    const record = parseTokenRecord(value);
    if (record !== undefined && 'pair' in record && record.pair.fence !== pairs.at(-1)?.fence) pairs.push(record.pair);
  }
  return pairs;
}

/** Servers that call for tokens at random moments for `forMs`; `each` may do harm in between. */
async function run(
  world: World,
  servers: Server[],
  forMs: number,
  harm: (at: number) => void = () => {},
): Promise<void> {
  const { simulation } = world;
  const end = simulation.now + forMs;
  for (let at = simulation.now; at < end; at += simulation.latency(50, 1_500)) {
    const time = at;
    simulation.schedule(at - simulation.now, () => {
      harm(time);
      const server = servers[Math.floor(simulation.random() * servers.length)];
      if (server?.process.alive) void call(world, server);
    });
  }
  await simulation.runUntil(end);
}

/** Nothing new is begun; what was begun comes to its end. */
async function finish(world: World, servers: Server[]): Promise<void> {
  const closing = servers.map(({ credential }) => credential.close());
  await world.simulation.runUntil(world.simulation.now + 2 * TIMING.timeoutMs);
  await Promise.all(closing);
}

const SEED = fc.integer({ min: 0, max: 2_147_483_647 });
const RUNS = { numRuns: fc.readConfigureGlobal().numRuns ?? 40 };

describe('OAuth credentials of several processes', () => {
  it('are refreshed once per life, whoever asks when: no reuse, no failed call', async () => {
    await fc.assert(
      fc.asyncProperty(SEED, fc.integer({ min: 1, max: 6 }), async (seed, count) => {
        const world = openWorld(seed);
        await signIn(world);
        const servers = Array.from({ length: count }, (_, index) => startServer(world, `server-${index}`));
        await run(world, servers, 10 * LIFE_MS);
        await finish(world, servers);
        expect(world.server.reuses).toBe(0);
        expect(world.failures).toEqual([]);
        expect(world.rejected).toBe(0);
        // Each pair is replaced after half of its life at the earliest, and in time.
        expect(world.server.refreshes).toBeGreaterThanOrEqual(10);
        expect(world.server.refreshes).toBeLessThanOrEqual(20);
        expect(storedPairs(world)).toHaveLength(world.server.refreshes + 1);
        const refreshed = world.events.filter(({ type }) => type === 'credential-refreshed');
        expect(refreshed).toHaveLength(world.server.refreshes);
      }),
      RUNS,
    );
  });

  it('lose no pair when servers are killed at any moment and the store breaks: nobody signs in again', async () => {
    await fc.assert(
      fc.asyncProperty(SEED, async (seed) => {
        const world = openWorld(seed);
        await signIn(world);
        const { simulation, store } = world;
        store.errorRate = simulation.random() * 0.2;
        let names = 0;
        const start = () => startServer(world, `server-${(names += 1)}`);
        const servers = [start(), start(), start()];
        await run(world, servers, 12 * LIFE_MS, (at) => {
          const draw = simulation.random();
          if (draw < 0.1) {
            const index = Math.floor(simulation.random() * servers.length);
            servers[index]?.process.kill();
            servers[index] = start();
          } else if (draw < 0.13) {
            store.downUntil = at + simulation.latency(100, 15_000);
          }
        });
        store.errorRate = 0;
        store.downUntil = 0;
        await simulation.runUntil(simulation.now + 3 * LIFE_MS);
        await finish(world, servers);
        expect(world.server.reuses).toBe(0);
        const record = lastRecord(world);
        expect(record?.state).toBe('signed-in');
        if (record?.state !== 'signed-in') return;
        expect(world.server.isUsable(tokensOf(record.pair).refreshToken ?? '')).toBe(true);
        expect(storedPairs(world)).toHaveLength(world.server.refreshes + 1);
        expect(
          new Set(world.failures.map(({ code }) => code).filter((code) => code !== 'token_store_unavailable')),
        ).toEqual(
          new Set(
            world.failures.some(({ code }) => code === 'credential_refresh_failed')
              ? ['credential_refresh_failed']
              : [],
          ),
        );
      }),
      RUNS,
    );
  });

  it.each([
    ['a server that ends the family at a second use', true],
    ['a server that allows a second use', false],
  ])('never go back to an older pair, whatever is killed or lost, with %s', async (_name, strict) => {
    await fc.assert(
      fc.asyncProperty(SEED, async (seed) => {
        const world = openWorld(seed, { strict });
        await signIn(world);
        const { simulation, store, server } = world;
        const faults: ServerFaults = { unreachable: 0.1, lostAnswer: 0.1, unavailable: 0.1 };
        server.faults = faults;
        world.killChildren = 0.2;
        world.stalls = 0.1;
        store.errorRate = simulation.random() * 0.1;
        let names = 0;
        const start = () =>
          startServer(world, `server-${(names += 1)}`, { clockOffset: (simulation.random() - 0.5) * 4_000 });
        const servers = [start(), start(), start()];
        for (let round = 0; round < 4; round += 1) {
          await run(world, servers, 3 * LIFE_MS, (at) => {
            const draw = simulation.random();
            if (draw < 0.05) {
              const index = Math.floor(simulation.random() * servers.length);
              servers[index]?.process.kill();
              servers[index] = start();
            } else if (draw < 0.07) store.downUntil = at + simulation.latency(100, 8_000);
          });
          // Somebody signs in again in the middle of whatever is going on.
          const before = Math.max(...storedPairs(world).map((pair) => server.grantOf(tokensOf(pair).accessToken)));
          await signIn(world);
          const fence = storedPairs(world).at(-1)?.fence ?? 0;
          await run(world, servers, LIFE_MS / 2);
          const since = storedPairs(world).filter((pair) => pair.fence >= fence);
          for (const pair of since) expect(server.grantOf(tokensOf(pair).accessToken)).toBe(before + 1);
        }
        const sequences = storedPairs(world).map((pair) => server.sequenceOf(tokensOf(pair).accessToken));
        expect(sequences).toEqual([...sequences].sort((one, other) => one - other));
        expect(new Set(sequences).size).toBe(sequences.length);

        // When the harm ends, the last sign-in goes on by itself: its token lives, or somebody is told to sign in.
        server.faults = {};
        world.killChildren = 0;
        world.stalls = 0;
        store.errorRate = 0;
        store.downUntil = 0;
        await simulation.runUntil(simulation.now + 90_000);
        await finish(world, servers);
        const record = lastRecord(world);
        if (strict && record?.state === 'revoked') {
          // What got lost was sent again: no other way to know what became of it.
          expect(server.reuses).toBeGreaterThan(0);
          return;
        }
        expect(record?.state).toBe('signed-in');
        if (record?.state === 'signed-in') {
          expect(server.isLive(tokensOf(record.pair).accessToken)).toBe(true);
          expect(record.claim).toBeUndefined();
        }
      }),
      RUNS,
    );
  });
});
