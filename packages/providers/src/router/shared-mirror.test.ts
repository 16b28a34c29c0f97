import { afterEach, describe, expect, it } from '@jest/globals';
import { createMemoryState, type SharedState } from '@moltbot/state';
import { SharedMirror } from './shared-mirror.js';

const open: SharedMirror<number>[] = [];
let state: SharedState = createMemoryState();

afterEach(async () => {
  for (const mirror of open.splice(0)) mirror.close();
  await state.close();
  state = createMemoryState();
});

function create(holder: string, seen: string[]): SharedMirror<number> {
  const mirror = new SharedMirror<number>({
    state,
    prefix: 'test:',
    holder,
    parse: (value) => (typeof value === 'number' ? value : undefined),
    onRemote: (key, value) => seen.push(`${key}=${value}`),
  });
  open.push(mirror);
  return mirror;
}

const settle = async (): Promise<void> => {
  await new Promise((resolve) => setImmediate(resolve));
};

describe('SharedMirror', () => {
  it('tells others of a change, and not the one who made it', async () => {
    const [own, others]: [string[], string[]] = [[], []];
    create('second', others);
    create('first', own).publish('a', 1, 60_000);
    await settle();
    expect([own, others]).toEqual([[], ['a=1']]);
  });

  it('writes the latest of many changes, after the first', async () => {
    const others: string[] = [];
    create('second', others);
    const first = create('first', []);
    for (let value = 1; value <= 10; value += 1) first.publish('a', value, 60_000);
    await settle();
    expect(others.at(-1)).toBe('a=10');
    expect(others.length).toBeLessThanOrEqual(2);
  });

  it('writes over what others have written meanwhile', async () => {
    const [own, others]: [string[], string[]] = [[], []];
    const first = create('first', own);
    const second = create('second', others);
    first.publish('a', 1, 60_000);
    second.publish('a', 2, 60_000);
    await settle();
    first.publish('a', 3, 60_000);
    await settle();
    expect(others.at(-1)).toBe('a=3');
    expect(own).toEqual(['a=2']);
  });

  it('learns what was written before it was there', async () => {
    create('first', []).publish('a', 7, 60_000);
    await settle();
    const seen: string[] = [];
    const late = create('late', seen);
    await late.track('a');
    await late.track('nothing');
    expect(seen).toEqual(['a=7']);
  });

  it('leaves out what it can not read', async () => {
    const seen: string[] = [];
    create('first', seen);
    for (const [key, value] of [
      ['test:a', 'no JSON'],
      ['test:b', '5'],
      ['test:c', '{"by":"x"}'],
      ['test:d', '{"by":"x","value":"text"}'],
    ] as const) {
      await state.compareAndSwap(key, 0, value, 60_000);
    }
    await settle();
    expect(seen).toEqual([]);
  });

  it('does without a state that fails', async () => {
    const mirror = create('first', []);
    await state.close();
    mirror.publish('a', 1, 60_000);
    await mirror.track('b');
    await settle();
    expect(mirror).toBeDefined();
  });
});

/** A state that can be taken away. */
function breakable(): { readonly state: SharedState; down: boolean } {
  const real = createMemoryState();
  const broken = { state: real, down: false };
  const guarded =
    <Given extends unknown[], Result>(call: (...given: Given) => Promise<Result>) =>
    async (...given: Given): Promise<Result> => {
      if (broken.down) throw new Error('away');
      return await call(...given);
    };
  real.compareAndSwap = guarded(real.compareAndSwap.bind(real));
  real.read = guarded(real.read.bind(real));
  return broken;
}

describe('SharedMirror whose state was away', () => {
  const mirrorOf = (over: SharedState, holder: string, seen: string[]): SharedMirror<number> => {
    const mirror = new SharedMirror<number>({
      state: over,
      prefix: 'test:',
      holder,
      parse: (value) => (typeof value === 'number' ? value : undefined),
      onRemote: (key, value) => seen.push(`${key}=${value}`),
      retryMs: 20,
    });
    open.push(mirror);
    return mirror;
  };
  const retried = async (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 60));

  it('writes what it could not write then', async () => {
    const broken = breakable();
    const others: string[] = [];
    mirrorOf(broken.state, 'second', others);
    const first = mirrorOf(broken.state, 'first', []);
    broken.down = true;
    first.publish('a', 1, 60_000);
    expect(await first.publishNow('b', 2, 60_000)).toBeUndefined();
    broken.down = false;
    await retried();
    expect(others.toSorted()).toEqual(['a=1', 'b=2']);
    await broken.state.close();
  });

  it('gives way to what others have written meanwhile', async () => {
    const broken = breakable();
    const [own, others]: [string[], string[]] = [[], []];
    const second = mirrorOf(broken.state, 'second', others);
    const first = mirrorOf(broken.state, 'first', own);
    broken.down = true;
    first.publish('a', 1, 60_000);
    await settle();
    broken.down = false;
    expect(await second.publishNow('a', 2, 60_000)).toBeGreaterThan(0);
    await retried();
    expect([own, others]).toEqual([['a=2'], []]);
    await broken.state.close();
  });
});
