import { describe, expect, it } from '@jest/globals';
import { MoltbotError } from '@moltbot/contracts';
import { generateApiKey } from './api-key.js';
import { type ApiKeyRow, createApiKeyVerifier } from './api-key-verifier.js';

/** A storage whose keys have a version, and that can be away or slow. */
function setUp() {
  const rows = new Map<string, ApiKeyRow>();
  const state = { now: 1_000_000, version: 1, looks: 0, lookups: 0, down: false, gate: Promise.resolve() };
  const verifier = createApiKeyVerifier({
    clock: () => state.now,
    elapsed: () => state.now,
    lookup: async (hash) => {
      state.lookups += 1;
      if (state.down) throw new Error('connection refused');
      return rows.get(hash);
    },
    version: async () => {
      state.looks += 1;
      await state.gate;
      if (state.down) throw new Error('connection refused');
      return state.version;
    },
  });
  const add = (row: Partial<ApiKeyRow> = {}) => {
    const { key, hash } = generateApiKey();
    const set = (changes: Partial<ApiKeyRow>): void => {
      rows.set(hash, { id: `key_${hash.slice(0, 12)}`, name: 'laptop', hash, scopes: ['chat'], ...row, ...changes });
      state.version += 1;
    };
    set({});
    return { presented: key.reveal(), set };
  };
  const isLetIn = async (presented: string): Promise<boolean> => {
    try {
      await verifier.verify(presented);
      return true;
    } catch (error) {
      if (error instanceof MoltbotError && error.code === 'invalid_api_key') return false;
      throw error;
    }
  };
  return { verifier, state, add, isLetIn };
}

describe('a change of the keys', () => {
  it('takes effect within a second, while unchanged keys are answered synchronously', async () => {
    const { verifier, state, add, isLetIn } = setUp();
    const [one, other] = [add(), add()];
    expect([await isLetIn(one.presented), await isLetIn(other.presented)]).toEqual([true, true]);
    // Busy for ten seconds: each background question is answered before the next request.
    for (let ms = 0; ms < 10_000; ms += 100) {
      state.now += 100;
      expect(verifier.verify(one.presented)).toMatchObject({ name: 'laptop' });
      await new Promise(setImmediate);
    }
    expect(state.lookups).toBeLessThanOrEqual(4);
    expect(state.looks).toBeLessThanOrEqual(21);
    one.set({ revokedAt: 1 });
    state.now += 1_000;
    expect(await isLetIn(one.presented)).toBe(false);
    expect(await isLetIn(other.presented)).toBe(true);
  });

  it('takes effect at the first request after a long silence', async () => {
    const { state, add, isLetIn } = setUp();
    const key = add();
    await isLetIn(key.presented);
    state.now += 20_000;
    expect(state.looks).toBe(1);
    key.set({ revokedAt: 1 });
    expect(await isLetIn(key.presented)).toBe(false);
  });

  it('gives other scopes, models and limits', async () => {
    const { verifier, state, add } = setUp();
    const key = add();
    await verifier.verify(key.presented);
    key.set({ scopes: ['jobs'], models: ['default'], limits: { requests_per_minute: 5 } });
    state.now += 1_000;
    expect(await verifier.verify(key.presented)).toMatchObject({
      scopes: ['jobs'],
      models: ['default'],
      limits: { requests_per_minute: 5 },
    });
  });

  it('brings back at once what was refused', async () => {
    const { state, add, isLetIn } = setUp();
    const key = add({ revokedAt: 1 });
    expect(await isLetIn(key.presented)).toBe(false);
    key.set({ revokedAt: undefined });
    // Who looks is another caller.
    state.now += 1_000;
    await isLetIn(add().presented);
    await new Promise(setImmediate);
    expect(await isLetIn(key.presented)).toBe(true);
  });

  it('is seen though it came while the key was being looked up', async () => {
    const { state, add, isLetIn } = setUp();
    const key = add();
    await isLetIn(add().presented);
    state.now += 600;
    let open: () => void = () => {};
    state.gate = new Promise((resolve) => {
      open = resolve;
    });
    // The row is read before the change, the version after it.
    const first = isLetIn(key.presented);
    await new Promise(setImmediate);
    key.set({ revokedAt: 1 });
    open();
    await first;
    await new Promise(setImmediate);
    state.now += 1_000;
    expect(await isLetIn(key.presented)).toBe(false);
  });

  it('asks one question for any number of keys and requests', async () => {
    const { state, add, isLetIn } = setUp();
    const keys = Array.from({ length: 50 }, () => add().presented);
    for (const key of keys) await isLetIn(key);
    const before = state.looks;
    state.now += 5_000;
    await Promise.all([...keys, ...keys].map((key) => isLetIn(key)));
    expect(state.looks).toBe(before + 1);
  });

  it('is not waited for while storage is away; it takes effect once storage is back', async () => {
    const { verifier, state, add, isLetIn } = setUp();
    const key = add();
    await isLetIn(key.presented);
    key.set({ revokedAt: 1 });
    state.down = true;
    state.now += 2_000;
    expect(await isLetIn(key.presented)).toBe(true);
    const { looks } = state;
    for (let count = 0; count < 100; count += 1) expect(verifier.verify(key.presented)).toBeDefined();
    expect(state.looks).toBe(looks);
    state.down = false;
    state.now += 1_000;
    expect(verifier.verify(key.presented)).toBeDefined();
    await new Promise(setImmediate);
    expect(await isLetIn(key.presented)).toBe(false);
  });
});
