import { describe, expect, it } from '@jest/globals';
import { MoltbotError } from '@moltbot/contracts';
import { generateApiKey } from './api-key.js';
import {
  type ApiKeyRow,
  type ApiKeyVerifierEvent,
  type ApiKeyVerifierOptions,
  createApiKeyVerifier,
} from './api-key-verifier.js';
import { denialFactsOf } from './denial.js';
import type { Identity } from './identity.js';

/** A storage in memory that counts its questions and can be down or slow. */
function setUp(options: Partial<ApiKeyVerifierOptions> = {}) {
  const rows = new Map<string, ApiKeyRow>();
  const events: ApiKeyVerifierEvent[] = [];
  const state = { now: 1_000_000, set: 0, lookups: 0, down: false, gate: Promise.resolve() };
  const verifier = createApiKeyVerifier({
    clock: () => state.now + state.set,
    elapsed: () => state.now,
    onEvent: (event) => events.push(event),
    lookup: async (hash) => {
      state.lookups += 1;
      const row = rows.get(hash);
      await state.gate;
      if (state.down) throw new Error('connection refused');
      return row;
    },
    ...options,
  });
  const add = (row: Partial<ApiKeyRow> = {}) => {
    const { key, hash } = generateApiKey();
    rows.set(hash, { id: `key_${rows.size}`, name: 'laptop', hash, scopes: ['chat'], ...row });
    return { presented: key.reveal(), hash };
  };
  return { verifier, rows, events, state, add };
}

/** The code of what `verify` throws or rejects with; the identity where it does neither. */
async function outcome(verify: () => Identity | Promise<Identity>): Promise<Identity | string> {
  try {
    return await verify();
  } catch (error) {
    if (error instanceof MoltbotError) return error.code;
    throw error;
  }
}

const identity = { keyId: 'key_0', name: 'laptop', scopes: ['chat'] };

describe('the API key verifier', () => {
  it.each([-3_600_000, 3_600_000])(
    'notices a revocation within its time, and keeps its grace, though the clock was set by %d ms',
    async (set) => {
      const { verifier, rows, state, add } = setUp();
      const { presented, hash } = add();
      await verifier.verify(presented);
      state.set = set;
      state.now += 29_999;
      expect(verifier.verify(presented)).toEqual(identity);
      state.now += 1;
      state.down = true;
      await expect(verifier.verify(presented)).resolves.toEqual(identity);
      state.down = false;
      rows.set(hash, { ...identity, id: 'key_0', hash, revokedAt: 1 });
      state.now += 1_000;
      expect(await outcome(() => verifier.verify(presented))).toBe('invalid_api_key');
    },
  );

  it('asks storage once, then answers synchronously until the entry is old', async () => {
    const { verifier, state, add } = setUp();
    const { presented } = add();
    expect(verifier.verify(presented)).toBeInstanceOf(Promise);
    await expect(verifier.verify(presented)).resolves.toEqual(identity);
    state.now += 29_999;
    expect(verifier.verify(presented)).toEqual(identity);
    expect(state.lookups).toBe(1);
    state.now += 1;
    await expect(verifier.verify(presented)).resolves.toEqual(identity);
    expect(state.lookups).toBe(2);
  });

  it('asks for the key when none is sent', () => {
    const { verifier, state } = setUp();
    for (const nothing of [undefined, '']) {
      expect(() => verifier.verify(nothing)).toThrow(expect.objectContaining({ code: 'authentication_required' }));
    }
    expect(state.lookups).toBe(0);
  });

  it('never asks storage for a malformed or mistyped key', () => {
    const { verifier, state, add } = setUp();
    const { presented } = add();
    const mistyped = presented.slice(0, 10) + (presented[10] === 'x' ? 'y' : 'x') + presented.slice(11);
    for (const wrong of ['Bearer', 'mb_', mistyped, `${presented} `]) {
      expect(() => verifier.verify(wrong)).toThrow(expect.objectContaining({ code: 'invalid_api_key' }));
    }
    expect(state.lookups).toBe(0);
  });

  it('joins the questions of one key', async () => {
    const { verifier, state, add } = setUp();
    const { presented } = add();
    const answers = await Promise.all(Array.from({ length: 50 }, () => outcome(() => verifier.verify(presented))));
    expect(answers).toEqual(Array.from({ length: 50 }, () => identity));
    expect(state.lookups).toBe(1);
  });

  it('refuses unknown, revoked and expired keys, and remembers that for a while', async () => {
    const { verifier, state, add } = setUp();
    const unknown = generateApiKey().key.reveal();
    const revoked = add({ revokedAt: 1 }).presented;
    const expired = add({ expiresAt: state.now }).presented;
    for (const presented of [unknown, revoked, expired]) {
      expect(await outcome(() => verifier.verify(presented))).toBe('invalid_api_key');
      expect(() => verifier.verify(presented)).toThrow(expect.objectContaining({ code: 'invalid_api_key' }));
    }
    expect(state.lookups).toBe(3);
    state.now += 5_000;
    expect(await outcome(() => verifier.verify(unknown))).toBe('invalid_api_key');
    expect(state.lookups).toBe(4);
  });

  it('refuses a cached key from the moment it expires', async () => {
    const { verifier, state, add } = setUp();
    const { presented } = add({ expiresAt: state.now + 1_000 });
    await verifier.verify(presented);
    state.now += 999;
    expect(verifier.verify(presented)).toEqual(identity);
    state.now += 1;
    expect(() => verifier.verify(presented)).toThrow(/expired/);
  });

  it('lets a key that was verified before through while storage is down, for ten minutes, and counts each time', async () => {
    const { verifier, state, events, add } = setUp();
    const { presented } = add();
    await verifier.verify(presented);
    state.down = true;
    state.now += 40_000;
    expect(await outcome(() => verifier.verify(presented))).toEqual(identity);
    // Without asking a dead storage at each request.
    expect(verifier.verify(presented)).toEqual(identity);
    expect(state.lookups).toBe(2);
    expect(events.map(({ type }) => type)).toEqual(['api-key-lookup-failed', 'api-key-grace', 'api-key-grace']);
    expect(events[1]).toEqual({ type: 'api-key-grace', keyId: 'key_0', verifiedMsAgo: 40_000 });
    state.now += 1_000;
    expect(await outcome(() => verifier.verify(presented))).toEqual(identity);
    expect(state.lookups).toBe(3);
    state.now = 1_000_000 + 600_000;
    expect(await outcome(() => verifier.verify(presented))).toBe('storage_unavailable');
    state.down = false;
    expect(await outcome(() => verifier.verify(presented))).toEqual(identity);
  });

  it('says that storage is down for a key it has never seen, and does not remember that', async () => {
    const { verifier, state, add } = setUp();
    const { presented } = add();
    state.down = true;
    expect(await outcome(() => verifier.verify(presented))).toBe('storage_unavailable');
    state.down = false;
    expect(await outcome(() => verifier.verify(presented))).toEqual(identity);
  });

  it('counts a storage that does not answer in time as down', async () => {
    const { verifier, add } = setUp({ lookup: () => new Promise(() => {}), lookupTimeoutMs: 10 });
    expect(await outcome(() => verifier.verify(add().presented))).toBe('storage_unavailable');
  });

  it('forgets a key that was invalidated, and lets no outage bring it back', async () => {
    const { verifier, rows, state, add } = setUp();
    const { presented, hash } = add();
    await verifier.verify(presented);
    rows.set(hash, { ...identity, id: 'key_0', hash, revokedAt: state.now });
    verifier.invalidate('key_0');
    state.down = true;
    expect(await outcome(() => verifier.verify(presented))).toBe('storage_unavailable');
    state.down = false;
    expect(await outcome(() => verifier.verify(presented))).toBe('invalid_api_key');
  });

  it('asks again when a key was invalidated while storage was being asked', async () => {
    const { verifier, rows, state, add } = setUp();
    const { presented, hash } = add();
    let open: () => void = () => {};
    state.gate = new Promise((resolve) => {
      open = resolve;
    });
    const asked = outcome(() => verifier.verify(presented));
    rows.set(hash, { ...identity, id: 'key_0', hash, revokedAt: state.now });
    verifier.invalidate('key_0');
    open();
    expect(await asked).toBe('invalid_api_key');
    expect(state.lookups).toBe(2);
  });

  it('keeps the good keys through a flood of wrong ones, in bounded memory', async () => {
    const { verifier, state, add } = setUp({ maxEntries: 100 });
    const { presented } = add();
    await verifier.verify(presented);
    for (let count = 0; count < 1_000; count += 1) {
      const wrong = generateApiKey().key.reveal();
      expect(await outcome(() => verifier.verify(wrong))).toBe('invalid_api_key');
    }
    expect(verifier.verify(presented)).toEqual(identity);
    expect(state.lookups).toBe(1_001);
  });

  it('drops the key that was looked up longest ago when the cache is full', async () => {
    const { verifier, state, add } = setUp({ maxEntries: 2 });
    const [first, second, third] = [add(), add(), add()];
    for (const { presented } of [first, second, third]) await verifier.verify(presented);
    expect(verifier.verify(third.presented)).toMatchObject({ keyId: 'key_2' });
    expect(verifier.verify(second.presented)).toMatchObject({ keyId: 'key_1' });
    expect(await outcome(() => verifier.verify(first.presented))).toMatchObject({ keyId: 'key_0' });
    expect(state.lookups).toBe(4);
  });

  it('bounds how many keys are looked up at the same time', async () => {
    const { verifier, state, add } = setUp({ maxPending: 2 });
    let open: () => void = () => {};
    state.gate = new Promise((resolve) => {
      open = resolve;
    });
    const waiting = [add(), add()].map(({ presented }) => outcome(() => verifier.verify(presented)));
    expect(() => verifier.verify(add().presented)).toThrow(expect.objectContaining({ code: 'overloaded' }));
    open();
    expect(await Promise.all(waiting)).toEqual([identity, { ...identity, keyId: 'key_1' }]);
  });

  it('takes no row whose hash is another one', async () => {
    const { key, hash } = generateApiKey();
    const other: ApiKeyRow = { id: 'key_9', name: 'other', hash: generateApiKey().hash, scopes: [] };
    const { verifier } = setUp({ lookup: (asked) => Promise.resolve(asked === hash ? other : undefined) });
    expect(await outcome(() => verifier.verify(key.reveal()))).toBe('invalid_api_key');
  });

  it('names for the audit log the key that was revoked or has expired, and never to its caller', async () => {
    const { verifier, state, add } = setUp();
    const denied = async (presented: string) => {
      try {
        await verifier.verify(presented);
      } catch (error) {
        if (error instanceof MoltbotError) return { ...denialFactsOf(error), message: error.message };
      }
      return undefined;
    };
    const revoked = add({ revokedAt: 1 }).presented;
    const expired = add({ expiresAt: state.now }).presented;
    for (const _time of ['looked up', 'remembered']) {
      expect(await denied(revoked)).toMatchObject({ keyId: 'key_0', reason: 'revoked' });
      expect(await denied(expired)).toMatchObject({ keyId: 'key_1', reason: 'expired' });
    }
    expect((await denied(revoked))?.message).not.toContain('key_0');
    expect(await denied(generateApiKey().key.reveal())).not.toHaveProperty('keyId');
    expect(await denied('mb_short')).toMatchObject({ reason: 'malformed' });
  });

  it('asks about a known key even in a flood of unknown ones, so that the flood keeps no revoked key alive', async () => {
    const { verifier, rows, state, add } = setUp({ maxPending: 1, cacheTtlMs: 1_000 });
    const { presented, hash } = add();
    await verifier.verify(presented);
    state.now += 1_000;
    let open: () => void = () => {};
    state.gate = new Promise((resolve) => {
      open = resolve;
    });
    const flood = outcome(() => verifier.verify(generateApiKey().key.reveal()));
    rows.set(hash, { ...identity, id: 'key_0', hash, revokedAt: 1 });
    const asked = outcome(() => verifier.verify(presented));
    open();
    expect(await asked).toBe('invalid_api_key');
    expect(await flood).toBe('invalid_api_key');
  });
});
