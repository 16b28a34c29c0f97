import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createMemoryState } from './memory.js';
import type { Lease, StateRecord } from './shared-state.js';
import { describeSharedState } from './testing/describe-shared-state.js';

describeSharedState('createMemoryState', async () => {
  let now = 1_700_000_000_000;
  const state = createMemoryState({ clock: () => now });
  return {
    state,
    other: state,
    pass: async (ms) => {
      now += ms;
    },
    settle: async () => {
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
});

describe('createMemoryState', () => {
  it('keeps a bounded number of records and forgets the one written longest ago', async () => {
    const state = createMemoryState({ maxKeys: 3 });
    for (const key of ['a', 'b', 'c']) await state.compareAndSwap(key, 0, key, 60_000);
    const rewritten = await state.read('a');
    await state.compareAndSwap('a', rewritten?.version ?? -1, 'again', 60_000);
    await state.compareAndSwap('d', 0, 'd', 60_000);
    expect(await state.read('b')).toBeUndefined();
    expect((await state.read('a'))?.value).toBe('again');
    await state.close();
  });

  it('forgets what has ended before what lives, and refuses a further lease rather than break one', async () => {
    let now = 1_000;
    const state = createMemoryState({ maxKeys: 2, clock: () => now });
    await state.acquireLease('a', 'x', 10);
    await state.acquireLease('b', 'x', 1_000);
    expect(await state.acquireLease('c', 'x', 1_000)).toBeUndefined();
    now += 20;
    expect(await state.acquireLease('c', 'x', 1_000)).toBeDefined();
    expect(await state.acquireLease('b', 'y', 1_000)).toBeUndefined();
    await state.close();
  });

  it('bounds the counters too', async () => {
    const state = createMemoryState({ maxKeys: 10, clock: () => 0 });
    for (let index = 0; index < 100; index += 1) await state.add(`key-${index}`, 1, 1_000);
    expect(await state.add('key-99', 1, 1_000)).toBe(2);
    expect(await state.add('key-0', 1, 1_000)).toBe(1);
    await state.close();
  });

  it('refuses calls after it was closed', async () => {
    const state = createMemoryState();
    await state.close();
    await expect(state.read('a')).rejects.toThrow('closed');
  });

  it('aligns windows to multiples of their length since the epoch', async () => {
    let now = 999;
    const state = createMemoryState({ clock: () => now });
    expect(await state.add('a', 1, 1_000)).toBe(1);
    now = 1_000;
    expect(await state.add('a', 1, 1_000)).toBe(1);
    now = 1_999;
    expect(await state.add('a', 1, 1_000)).toBe(2);
    await state.close();
  });
});

type Step =
  | { readonly do: 'pass'; readonly ms: number }
  | { readonly do: 'write'; readonly key: string; readonly fresh: boolean; readonly ttl: number }
  | { readonly do: 'lease'; readonly key: string; readonly ttl: number }
  | { readonly do: 'release'; readonly key: string };

const key = fc.constantFrom('a', 'b', 'c');
const ttl = fc.integer({ min: 1, max: 50 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 30 }) }),
  fc.record({ do: fc.constant('write' as const), key, fresh: fc.boolean(), ttl }),
  fc.record({ do: fc.constant('lease' as const), key, ttl }),
  fc.record({ do: fc.constant('release' as const), key }),
);

/** The least that can be said of the state: a map of records and a map of leases with their ends. */
interface Model {
  readonly records: Map<string, { record: StateRecord; until: number }>;
  readonly leases: Map<string, { lease: Lease; until: number }>;
}

describe('createMemoryState under any sequence of calls', () => {
  it('agrees with a plain model, and versions and fences only grow', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        let now = 1_000;
        const state = createMemoryState({ clock: () => now });
        const model: Model = { records: new Map(), leases: new Map() };
        let lastFence = 0;
        let lastVersion = 0;
        for (const each of steps) {
          if (each.do === 'pass') {
            now += each.ms;
            continue;
          }
          const heldLease = model.leases.get(each.key);
          const lease = heldLease !== undefined && heldLease.until > now ? heldLease.lease : undefined;
          if (each.do === 'release') {
            if (lease !== undefined) await state.releaseLease(lease);
            model.leases.delete(each.key);
          } else if (each.do === 'lease') {
            const got = await state.acquireLease(each.key, 'x', each.ttl);
            expect(got === undefined).toBe(lease !== undefined);
            if (got !== undefined) {
              expect(got.fence).toBeGreaterThan(lastFence);
              lastFence = got.fence;
              model.leases.set(each.key, { lease: got, until: now + each.ttl });
            }
          } else {
            const held = model.records.get(each.key);
            const living = held !== undefined && held.until > now ? held.record : undefined;
            expect(await state.read(each.key)).toEqual(living);
            const version = each.fresh ? (living?.version ?? 0) : lastVersion + 1_000;
            const written = await state.compareAndSwap(each.key, version, String(now), each.ttl);
            expect(written !== undefined).toBe(each.fresh);
            if (written !== undefined) {
              expect(written.version).toBeGreaterThan(lastVersion);
              lastVersion = written.version;
              model.records.set(each.key, { record: written, until: now + each.ttl });
            }
          }
        }
        await state.close();
      }),
      { numRuns: 150 },
    );
  });
});
