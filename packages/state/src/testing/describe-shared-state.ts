import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { SharedState, StateRecord } from '../shared-state.js';

/** One shared state under test, and the way to let its time pass (a fake clock, or a real wait). */
export interface SharedStateUnderTest {
  readonly state: SharedState;
  /** A second door to the same state, as another process has it; may be the same object. */
  readonly other: SharedState;
  readonly pass: (ms: number) => Promise<void>;
  /** Waits until what was written has reached the watchers. */
  readonly settle: () => Promise<void>;
}

/** What every implementation of SharedState must do. */
export function describeSharedState(name: string, create: () => Promise<SharedStateUnderTest>): void {
  describe(`${name} as shared state`, () => {
    let subject: SharedStateUnderTest;
    beforeEach(async () => {
      subject = await create();
    });
    afterEach(async () => {
      await subject.state.close();
      if (subject.other !== subject.state) await subject.other.close();
    });

    describeCounters(() => subject);
    describeRecords(() => subject);
    describeWatching(() => subject);
    describeLeases(() => subject);
  });
}

function describeCounters(subject: () => SharedStateUnderTest): void {
  it('adds to a counter over one window and starts anew in the next', async () => {
    const { state, other, pass } = subject();
    expect(await state.add('count', 2, 1_000)).toBe(2);
    const second = await other.add('count', 3, 1_000);
    // A real clock may stand at the edge of a window.
    expect([3, 5]).toContain(second);
    await pass(1_000);
    expect(await state.add('count', 1, 1_000)).toBe(1);
  });

  it('counts keys apart and takes fractions', async () => {
    const { state } = subject();
    await state.add('a', 1, 3_600_000);
    expect(await state.add('b', 0.5, 3_600_000)).toBe(0.5);
  });

  it('loses no addition of many at once', async () => {
    const { state } = subject();
    const sums = await Promise.all(Array.from({ length: 50 }, async () => state.add('many', 1, 3_600_000)));
    expect(Math.max(...sums)).toBe(50);
    expect(new Set(sums).size).toBe(50);
  });
}

function describeRecords(subject: () => SharedStateUnderTest): void {
  it('has no record before one is written', async () => {
    expect(await subject().state.read('nothing')).toBeUndefined();
  });

  it('writes where the version still stands and refuses where it does not', async () => {
    const { state, other } = subject();
    const first = await state.compareAndSwap('record', 0, 'one', 60_000);
    expect(first?.value).toBe('one');
    expect(await other.compareAndSwap('record', 0, 'late', 60_000)).toBeUndefined();
    const second = await other.compareAndSwap('record', first?.version ?? -1, 'two', 60_000);
    expect(second?.value).toBe('two');
    expect(await state.compareAndSwap('record', first?.version ?? -1, 'late', 60_000)).toBeUndefined();
    expect(await state.read('record')).toEqual(second);
  });

  it('lets exactly one of many writers win', async () => {
    const { state, other } = subject();
    const results = await Promise.all(
      Array.from({ length: 20 }, async (_, index) =>
        (index % 2 === 0 ? state : other).compareAndSwap('contested', 0, String(index), 60_000),
      ),
    );
    const winners = results.filter((record) => record !== undefined);
    expect(winners).toHaveLength(1);
    expect(await state.read('contested')).toEqual(winners[0]);
  });

  it('forgets a record when its time is over', async () => {
    const { state, pass } = subject();
    await state.compareAndSwap('short', 0, 'value', 200);
    await pass(250);
    expect(await state.read('short')).toBeUndefined();
  });

  it('never gives a version twice, so that a writer of a forgotten record changes nothing', async () => {
    const { state, pass } = subject();
    const old = await state.compareAndSwap('again', 0, 'old', 200);
    await pass(250);
    const fresh = await state.compareAndSwap('again', 0, 'fresh', 60_000);
    expect(fresh?.version).toBeGreaterThan(old?.version ?? Number.POSITIVE_INFINITY);
    expect(await state.compareAndSwap('again', old?.version ?? -1, 'late', 60_000)).toBeUndefined();
  });

  it('numbers the writes of all keys in one sequence', async () => {
    const { state, other } = subject();
    const versions: number[] = [];
    for (const key of ['a', 'b', 'c', 'a']) {
      const before = await other.read(key);
      const written = await state.compareAndSwap(key, before?.version ?? 0, 'value', 60_000);
      versions.push(written?.version ?? 0);
    }
    expect(versions.every((version, index) => version > (versions[index - 1] ?? 0))).toBe(true);
  });

  it('keeps any text', async () => {
    const { state, other } = subject();
    const text = `\u{1F600}"\\\n\0${'x'.repeat(100_000)}`;
    await state.compareAndSwap('a b:{c}*', 0, text, 60_000);
    expect((await other.read('a b:{c}*'))?.value).toBe(text);
    await state.compareAndSwap('empty', 0, '', 60_000);
    expect((await other.read('empty'))?.value).toBe('');
  });

  it('renews the time of a record with each write', async () => {
    const { state, pass } = subject();
    const first = await state.compareAndSwap('renewed', 0, 'one', 300);
    await pass(200);
    await state.compareAndSwap('renewed', first?.version ?? -1, 'two', 300);
    await pass(200);
    expect((await state.read('renewed'))?.value).toBe('two');
  });
}

function describeWatching(subject: () => SharedStateUnderTest): void {
  it('tells watchers of a prefix about writes, in order, and about nothing else', async () => {
    const { state, other, settle } = subject();
    const seen: (string | undefined)[] = [];
    const stop = state.watch('seen:', (key, record) => seen.push(`${key}=${record?.value}`));
    const first = await other.compareAndSwap('seen:a', 0, '1', 60_000);
    await other.compareAndSwap('unseen:a', 0, '1', 60_000);
    await other.compareAndSwap('seen:a', first?.version ?? -1, '2', 60_000);
    await settle();
    // Of two writes right after each other the first may be passed over: what counts is the last.
    expect(seen.at(-1)).toBe('seen:a=2');
    expect(seen.filter((event) => event !== 'seen:a=2')).toEqual(seen.length === 1 ? [] : ['seen:a=1']);
    stop();
    const before = seen.length;
    await other.compareAndSwap('seen:b', 0, '3', 60_000);
    await settle();
    expect(seen).toHaveLength(before);
  });

  it('tells watchers that a record is gone', async () => {
    const { state, pass, settle } = subject();
    const seen: (StateRecord | undefined)[] = [];
    state.watch('going', (_key, record) => seen.push(record));
    await state.compareAndSwap('going', 0, 'value', 200);
    await pass(1_300);
    await state.read('going');
    await settle();
    expect(seen).toEqual([expect.objectContaining({ value: 'value' }), undefined]);
  });
}

function describeLeases(subject: () => SharedStateUnderTest): void {
  it('gives a lease to one holder of many', async () => {
    const { state, other } = subject();
    const leases = await Promise.all(
      Array.from({ length: 20 }, async (_, index) =>
        (index % 2 === 0 ? state : other).acquireLease('lease', `holder-${index}`, 60_000),
      ),
    );
    expect(leases.filter((lease) => lease !== undefined)).toHaveLength(1);
  });

  it('gives it again after its release, and after its time, with a larger fence each time', async () => {
    const { state, other, pass } = subject();
    const first = await state.acquireLease('fenced', 'a', 60_000);
    expect(first).toMatchObject({ key: 'fenced', holder: 'a' });
    if (first === undefined) return;
    await state.releaseLease(first);
    const second = await other.acquireLease('fenced', 'b', 200);
    await pass(250);
    const third = await state.acquireLease('fenced', 'c', 60_000);
    expect(second?.fence).toBeGreaterThan(first.fence);
    expect(third?.fence).toBeGreaterThan(second?.fence ?? Number.POSITIVE_INFINITY);
  });

  it('lets a late release of an old lease change nothing', async () => {
    const { state, other, pass } = subject();
    const old = await state.acquireLease('late', 'a', 200);
    await pass(250);
    const fresh = await other.acquireLease('late', 'a', 60_000);
    expect(fresh).toBeDefined();
    if (old !== undefined) await state.releaseLease(old);
    expect(await state.acquireLease('late', 'c', 60_000)).toBeUndefined();
  });

  it('renews a lease for the one who has it, and for nobody else', async () => {
    const { state, other, pass } = subject();
    const held = await state.acquireLease('renewed', 'a', 400);
    if (held === undefined) throw new Error('not granted');
    await pass(250);
    expect(await other.renewLease(held, 400)).toBe(true);
    await pass(250);
    expect(await other.acquireLease('renewed', 'b', 400)).toBeUndefined();
    await pass(250);
    expect(await state.renewLease(held, 400)).toBe(false);
    const next = await other.acquireLease('renewed', 'b', 60_000);
    expect(next?.fence).toBeGreaterThan(held.fence);
    expect(await state.renewLease(held, 400)).toBe(false);
  });

  it('refuses lengths of time that are none', async () => {
    const { state } = subject();
    await expect(state.acquireLease('zero', 'a', 0)).rejects.toThrow(RangeError);
    await expect(state.compareAndSwap('zero', 0, 'a', Number.NaN)).rejects.toThrow(RangeError);
    await expect(state.add('zero', 1, -5)).rejects.toThrow(RangeError);
  });
}
