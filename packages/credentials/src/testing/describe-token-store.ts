import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { TokenStore } from '@moltbot/auth';
import { startWriter } from './start-writer.js';
import { openPlace, type StorePlace } from './store-place.js';

/** A store under test, and what can happen to it. */
export interface TokenStoreUnderTest {
  readonly place: StorePlace;
  /** It is gone: what it is asked is refused. */
  down(): Promise<void>;
  /** It does not answer, and does not say so. @param id of a row that is there */
  hang(id: string): Promise<void>;
  /** Undoes either. */
  up(): Promise<void>;
  remove(): Promise<void>;
}

/** Of the stores whose server is taken away. */
const LIMIT_MS = 500;
/** The machine may be busy with other tests. */
const SLACK_MS = 1_500;
const UNHURRIED = { limitMs: 15_000 };
/** Below what waiting for a killed process's lock would take. */
const AT_ONCE_MS = 5_000;
const BACK_WITHIN_MS = 8_000;
const PROCESSES = 4;
const WRITES = 15;
const KILL_AFTER_MS = [0, 2, 5, 11];

/** What every TokenStore must do. */
export function describeTokenStore(name: string, create: () => Promise<TokenStoreUnderTest>): void {
  describe(`${name} as a store of tokens`, () => {
    let subject: TokenStoreUnderTest;
    let store: TokenStore;
    let other: TokenStore;
    beforeAll(async () => {
      subject = await create();
    });
    beforeEach(() => {
      store = openPlace(subject.place, UNHURRIED);
      other = openPlace(subject.place, UNHURRIED);
    });
    afterEach(async () => {
      await Promise.all([store.close(), other.close()]);
    });
    afterAll(() => subject.remove());

    describeRows(() => ({ store, other }));
    describeWatching(() => ({ store, other }));
    describeProcesses(() => ({ store, place: subject.place }));
    describeFaults(() => subject);
  });
}

function describeRows(doors: () => { store: TokenStore; other: TokenStore }): void {
  it('has no row before one is written', async () => {
    expect(await doors().store.read(`new:${randomUUID()}`)).toBeUndefined();
  });

  it('writes where the version still stands, and changes nothing where it does not', async () => {
    const { store, other } = doors();
    const id = randomUUID();
    expect(await store.compareAndSwap(id, 1, 'no row has it')).toBeUndefined();
    expect(await store.compareAndSwap(id, 0, 'one')).toEqual({ version: 1, value: 'one' });
    expect(await other.compareAndSwap(id, 0, 'late')).toBeUndefined();
    expect(await other.compareAndSwap(id, 1, 'two')).toEqual({ version: 2, value: 'two' });
    expect(await store.compareAndSwap(id, 1, 'late')).toBeUndefined();
    expect(await store.compareAndSwap(id, 3, 'early')).toBeUndefined();
    expect(await store.read(id)).toEqual({ version: 2, value: 'two' });
  });

  it('lets exactly one of many writers win, for a new row and for one that is there', async () => {
    const { store, other } = doors();
    const id = randomUUID();
    for (const version of [0, 1]) {
      const results = await Promise.all(
        Array.from({ length: 20 }, async (_, index) =>
          (index % 2 === 0 ? store : other).compareAndSwap(id, version, `${version}-${index}`),
        ),
      );
      const winners = results.filter((row) => row !== undefined);
      expect(winners).toHaveLength(1);
      expect(await store.read(id)).toEqual(winners[0]);
    }
  });

  it('keeps rows apart whose names are odd, long, alike, or look like a path', async () => {
    const { store, other } = doors();
    const mark = randomUUID();
    const ids = [
      '../../etc/passwd',
      '..',
      '/',
      'con',
      '__proto__',
      'anthropic:team-b@example.org',
      'Anthropic',
      'anthropic',
      'a b\tc\nd "quoted" \\ %41',
      'ключ🔑',
      `${'x'.repeat(400)}A`,
      `${'x'.repeat(400)}a`,
    ].map((id) => `${id} ${mark}`);
    for (const [index, id] of ids.entries()) {
      expect(await store.compareAndSwap(id, 0, `value ${index}`)).toBeDefined();
    }
    for (const [index, id] of ids.entries()) expect((await other.read(id))?.value).toBe(`value ${index}`);
    const listed = await other.list();
    expect([...listed.keys()].filter((id) => id.endsWith(mark)).sort()).toEqual([...ids].sort());
    expect(listed.get(ids[4] ?? '')).toEqual({ version: 1, value: 'value 4' });
  });

  it('keeps 100 KB as they are', async () => {
    const { store, other } = doors();
    const id = randomUUID();
    const value = `\u00e9\ud83d\udd11 "\\\n\u2028`.repeat(12_000);
    expect(Buffer.byteLength(value)).toBeGreaterThan(100_000);
    await store.compareAndSwap(id, 0, value);
    expect((await other.read(id))?.value === value).toBe(true);
  });

  it('refuses what no store could give back', async () => {
    const { store } = doors();
    for (const id of ['', 'a\0b', '\ud800', 'x'.repeat(600)]) {
      await expect(store.read(id)).rejects.toThrow(RangeError);
    }
    await expect(store.compareAndSwap('a', -1, '')).rejects.toThrow(RangeError);
    await expect(store.compareAndSwap('a', 0, 'a\0b')).rejects.toThrow(RangeError);
    await expect(store.compareAndSwap('a', 0, 'x'.repeat(2_000_000))).rejects.toThrow(RangeError);
  });
}

function describeWatching(doors: () => { store: TokenStore; other: TokenStore }): void {
  it('tells within about a second who changed, to all who watch and to nobody who has stopped', async () => {
    const { store, other } = doors();
    const ids = [`warm:${randomUUID()}`, `watched:${randomUUID()}`];
    const left: string[] = [];
    store.watch((changed) => left.push(changed))();
    const watchers = [recordChanges(store), recordChanges(other)];
    for (const id of ids) {
      for (let version = 0; version < 3; version += 1) {
        const start = performance.now();
        const told = watchers.map((watcher) => watcher.next(id));
        await other.compareAndSwap(id, version, String(version));
        await Promise.all(told);
        expect(performance.now() - start).toBeLessThan(AT_ONCE_MS);
      }
    }
    for (const watcher of watchers) watcher.stop();
    await other.compareAndSwap(ids[1] ?? '', 3, '3');
    const again = recordChanges(store);
    await again.next(ids[1] ?? '');
    again.stop();
    for (const watcher of watchers) expect(watcher.seen).toContain(ids[1]);
    expect(left).toEqual([]);
  });
}

interface Changes {
  readonly seen: readonly string[];
  /** The next time that this row is told. */
  next(id: string): Promise<void>;
  stop(): void;
}

function recordChanges(store: TokenStore): Changes {
  const seen: string[] = [];
  const waiting: { id: string; resolve: () => void }[] = [];
  const stop = store.watch((id) => {
    seen.push(id);
    for (const entry of waiting.filter((entry) => entry.id === id)) {
      waiting.splice(waiting.indexOf(entry), 1);
      entry.resolve();
    }
  });
  return { seen, stop, next: (id) => new Promise((resolve) => waiting.push({ id, resolve })) };
}

function describeProcesses(parts: () => { store: TokenStore; place: StorePlace }): void {
  it('loses no write of several processes at once', async () => {
    const { store, place } = parts();
    const id = `counted:${randomUUID()}`;
    const writers = Array.from({ length: PROCESSES }, () => startWriter({ place, id, length: 200, writes: WRITES }));
    await Promise.all(writers.map((writer) => writer.ended()));
    const versions = writers.flatMap((writer) => writer.acknowledged).sort((a, b) => a - b);
    expect(versions).toEqual(Array.from({ length: PROCESSES * WRITES }, (_, index) => index + 1));
    expect((await store.read(id))?.version).toBe(PROCESSES * WRITES);
  });

  it('has every acknowledged write, whole, and takes the next at once, wherever writers are killed', async () => {
    const { store, place } = parts();
    const id = `killed:${randomUUID()}`;
    for (const wait of KILL_AFTER_MS) {
      const writers = [0, 1].map(() => startWriter({ place, id, length: 100_000 }));
      await Promise.all(writers.map((writer) => writer.hasWritten(1)));
      await pause(wait);
      await Promise.all(writers.map((writer) => writer.kill()));
      const start = performance.now();
      // A killed writer's last statement may still run in the server.
      const row = await settled(store, id);
      expect(isWhole(row.value)).toBe(true);
      const acknowledged = writers.flatMap((writer) => writer.acknowledged);
      expect(row.version).toBeGreaterThanOrEqual(Math.max(...acknowledged));
      expect(new Set(acknowledged).size).toBe(acknowledged.length);
      expect(await store.compareAndSwap(id, row.version, row.value)).toBeDefined();
      expect(performance.now() - start).toBeLessThan(AT_ONCE_MS);
      expect((await store.list()).get(id)?.version).toBe(row.version + 1);
    }
  });
}

async function settled(store: TokenStore, id: string): Promise<{ version: number; value: string }> {
  for (let before = -1; ; ) {
    const row = await store.read(id);
    if (row === undefined) throw new Error('the row is gone');
    if (row.version === before) return row;
    before = row.version;
    await pause(30);
  }
}

function isWhole(value: string): boolean {
  const { padding, hash } = JSON.parse(value) as { padding: string; hash: string };
  return createHash('sha256').update(padding).digest('hex') === hash;
}

function describeFaults(subject: () => TokenStoreUnderTest): void {
  it.each(['down', 'hang'] as const)(
    'says in time that it is unavailable (%s), and comes back by itself',
    async (fault) => {
      const doors = [0, 1].map(() => openPlace(subject().place, { limitMs: LIMIT_MS }));
      const [store, other] = doors as [TokenStore, TokenStore];
      const id = `faulty:${randomUUID()}`;
      const changes = recordChanges(other);
      try {
        const first = changes.next(id);
        await store.compareAndSwap(id, 0, 'before');
        await first;
        await (fault === 'down' ? subject().down() : subject().hang(id));
        for (const call of [() => store.read(id), () => store.list(), () => store.compareAndSwap(id, 1, 'during')]) {
          const start = performance.now();
          await expect(call()).rejects.toMatchObject({ code: 'token_store_unavailable', retryable: true });
          expect(performance.now() - start).toBeLessThan(LIMIT_MS + SLACK_MS);
        }
        await subject().up();
        const row = await whenBack(() => store.read(id));
        // A write that was given up may have happened.
        expect(['before', 'during']).toContain(row?.value);
        const next = changes.next(id);
        expect(await whenBack(() => store.compareAndSwap(id, row?.version ?? 0, 'after'))).toBeDefined();
        await next;
        expect(await store.read(id)).toEqual({ version: (row?.version ?? 0) + 1, value: 'after' });
      } finally {
        await subject().up();
        changes.stop();
        await Promise.all(doors.map((door) => door.close()));
      }
    },
  );

  it('closes in time while it hangs', async () => {
    const store = openPlace(subject().place, { limitMs: LIMIT_MS });
    const id = `closing:${randomUUID()}`;
    await store.compareAndSwap(id, 0, 'before');
    store.watch(() => {});
    await subject().hang(id);
    try {
      const reading = store.read(id).catch((error: unknown) => error);
      const start = performance.now();
      await store.close();
      expect(await reading).toMatchObject({ code: 'token_store_unavailable' });
      expect(performance.now() - start).toBeLessThan(LIMIT_MS + SLACK_MS);
    } finally {
      await subject().up();
    }
  });
}

async function whenBack<Value>(call: () => Promise<Value>): Promise<Value> {
  const start = performance.now();
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (performance.now() - start > BACK_WITHIN_MS) throw error;
      await pause(20);
    }
  }
}
