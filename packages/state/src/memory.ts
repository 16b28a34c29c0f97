import { ExpiringMap } from './expiring-map.js';
import { checkAmount, checkLength } from './lengths.js';
import type { Lease, SharedState, StateRecord } from './shared-state.js';

export interface MemoryStateOptions {
  /** Unix time in ms. */
  readonly clock?: (() => number) | undefined;
  /** Counters, records and leases kept, each; the oldest counters and records are forgotten first, further leases refused. */
  readonly maxKeys?: number | undefined;
}

interface Watcher {
  readonly prefix: string;
  readonly listener: (key: string, record: StateRecord | undefined) => void;
}

interface Counter {
  readonly window: number;
  sum: number;
}

/** How often what has ended is looked for, so that watchers hear of a record's end without anyone reading it. */
const SWEEP_MS = 1_000;

/** Shared state of one process. Nothing outlives it; its one timer does not keep the process alive. */
export function createMemoryState(options: MemoryStateOptions = {}): SharedState {
  return new MemoryState(options);
}

class MemoryState implements SharedState {
  readonly kind = 'memory';
  readonly trouble = undefined;
  readonly #clock: () => number;
  readonly #counters: ExpiringMap<Counter>;
  readonly #records: ExpiringMap<StateRecord>;
  readonly #leases: ExpiringMap<Lease>;
  readonly #watchers = new Set<Watcher>();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  /** One sequence for all keys: a number is never given twice, also not after a key was forgotten. */
  #sequence = 0;

  constructor({ clock = Date.now, maxKeys = 100_000 }: MemoryStateOptions) {
    this.#clock = clock;
    this.#counters = new ExpiringMap({ maxEntries: maxKeys, whenFull: 'forget-oldest' });
    this.#records = new ExpiringMap({
      maxEntries: maxKeys,
      whenFull: 'forget-oldest',
      onGone: (key) => this.#tell(key, undefined),
    });
    this.#leases = new ExpiringMap({ maxEntries: maxKeys, whenFull: 'refuse' });
  }

  async add(key: string, amount: number, windowMs: number): Promise<number> {
    checkLength(windowMs, 'windowMs');
    checkAmount(amount);
    const now = this.#open();
    const window = Math.floor(now / windowMs);
    const running = this.#counters.get(key, now);
    if (running !== undefined && running.window === window) {
      running.sum += amount;
      return running.sum;
    }
    this.#counters.set({ key, value: { window, sum: amount }, expiresAt: (window + 1) * windowMs, now });
    return amount;
  }

  async read(key: string): Promise<StateRecord | undefined> {
    return this.#records.get(key, this.#open());
  }

  async compareAndSwap(key: string, version: number, value: string, ttlMs: number): Promise<StateRecord | undefined> {
    checkLength(ttlMs, 'ttlMs');
    const now = this.#open();
    if ((this.#records.get(key, now)?.version ?? 0) !== version) return undefined;
    const record: StateRecord = { version: ++this.#sequence, value };
    this.#records.set({ key, value: record, expiresAt: now + ttlMs, now });
    this.#tell(key, record);
    return record;
  }

  watch(prefix: string, listener: (key: string, record: StateRecord | undefined) => void): () => void {
    const watcher: Watcher = { prefix, listener };
    this.#watchers.add(watcher);
    return () => {
      this.#watchers.delete(watcher);
    };
  }

  async acquireLease(key: string, holder: string, ttlMs: number): Promise<Lease | undefined> {
    checkLength(ttlMs, 'ttlMs');
    const now = this.#open();
    if (this.#leases.get(key, now) !== undefined) return undefined;
    const lease: Lease = { key, holder, fence: ++this.#sequence };
    return this.#leases.set({ key, value: lease, expiresAt: now + ttlMs, now }) ? lease : undefined;
  }

  async renewLease(lease: Lease, ttlMs: number): Promise<boolean> {
    checkLength(ttlMs, 'ttlMs');
    const now = this.#open();
    const held = this.#leases.get(lease.key, now);
    if (held?.fence !== lease.fence) return false;
    return this.#leases.set({ key: lease.key, value: held, expiresAt: now + ttlMs, now });
  }

  async releaseLease(lease: Lease): Promise<void> {
    const held = this.#leases.get(lease.key, this.#open());
    if (held !== undefined && held.fence === lease.fence) this.#leases.delete(lease.key);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#watchers.clear();
    this.#counters.clear();
    this.#records.clear();
    this.#leases.clear();
  }

  /** Every call passes here: refuses after `close`, and gives the time. */
  #open(): number {
    if (this.#closed) throw new Error('the shared state is closed');
    this.#timer ??= setInterval(() => this.#sweep(), SWEEP_MS).unref();
    return this.#clock();
  }

  #sweep(): void {
    const now = this.#clock();
    this.#counters.sweep(now);
    this.#records.sweep(now);
    this.#leases.sweep(now);
    if (this.#counters.size + this.#records.size + this.#leases.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Listeners run after the write that they are told of has returned, in the order of the writes. */
  #tell(key: string, record: StateRecord | undefined): void {
    for (const watcher of this.#watchers) {
      if (!key.startsWith(watcher.prefix)) continue;
      queueMicrotask(() => {
        if (this.#watchers.has(watcher)) watcher.listener(key, record);
      });
    }
  }
}
