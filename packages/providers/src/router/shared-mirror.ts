import type { SharedState } from '@moltbot/state';

export interface SharedMirrorOptions<Value> {
  readonly state: SharedState;
  readonly prefix: string;
  /** Who writes: what this process wrote itself is not told to it again. */
  readonly holder: string;
  /** Reads a value another process wrote; `undefined` where it is none of ours. */
  readonly parse: (value: unknown) => Value | undefined;
  readonly onRemote: (key: string, value: Value) => void;
}

interface Tracked<Value> {
  version: number;
  writing: boolean;
  pending: { readonly value: Value; readonly ttlMs: number } | undefined;
}

const MAX_TRACKED = 4_096;
const WRITE_TRIES = 4;

/**
 * Keeps a local view of shared records, so that a request never waits for them: changes of others come in by themselves, own
 * changes go out in the background, the latest one of a key only. State that can't be reached is done without.
 */
export class SharedMirror<Value> {
  readonly #options: SharedMirrorOptions<Value>;
  readonly #tracked = new Map<string, Tracked<Value>>();
  readonly #unwatch: () => void;
  #closed = false;

  constructor(options: SharedMirrorOptions<Value>) {
    this.#options = options;
    this.#unwatch = options.state.watch(options.prefix, (key, record) => {
      if (record !== undefined) this.#takeIn(key.slice(options.prefix.length), record);
    });
  }

  /** Fetches what others know about the key. Never rejects. */
  async track(key: string): Promise<void> {
    this.#trackedOf(key);
    try {
      const record = await this.#options.state.read(this.#options.prefix + key);
      if (record !== undefined) this.#takeIn(key, record);
    } catch {
      // Nothing is known then.
    }
  }

  publish(key: string, value: Value, ttlMs: number): void {
    const tracked = this.#trackedOf(key);
    tracked.pending = { value, ttlMs };
    if (!tracked.writing) void this.#write(key, tracked);
  }

  close(): void {
    this.#closed = true;
    this.#unwatch();
    this.#tracked.clear();
  }

  async #write(key: string, tracked: Tracked<Value>): Promise<void> {
    const { state, prefix, holder } = this.#options;
    tracked.writing = true;
    try {
      for (let tries = 0; tracked.pending !== undefined && tries < WRITE_TRIES && !this.#closed; ) {
        const pending = tracked.pending;
        const text = JSON.stringify({ by: holder, value: pending.value });
        const written = await state.compareAndSwap(prefix + key, tracked.version, text, pending.ttlMs);
        if (written === undefined) {
          tries += 1;
          tracked.version = (await state.read(prefix + key))?.version ?? 0;
        } else {
          tracked.version = Math.max(tracked.version, written.version);
          if (tracked.pending === pending) tracked.pending = undefined;
        }
      }
    } catch {
      // The local view stands; the others will find out by themselves.
    } finally {
      tracked.pending = undefined;
      tracked.writing = false;
    }
  }

  #takeIn(key: string, record: { readonly version: number; readonly value: string }): void {
    if (this.#closed) return;
    const tracked = this.#trackedOf(key);
    if (record.version <= tracked.version) return;
    tracked.version = record.version;
    const read = parseRecord(record.value);
    if (read === undefined || read.by === this.#options.holder) return;
    const value = this.#options.parse(read.value);
    if (value !== undefined) this.#options.onRemote(key, value);
  }

  #trackedOf(key: string): Tracked<Value> {
    const known = this.#tracked.get(key);
    if (known !== undefined) return known;
    if (this.#tracked.size >= MAX_TRACKED) this.#forgetOldest();
    const tracked: Tracked<Value> = { version: 0, writing: false, pending: undefined };
    this.#tracked.set(key, tracked);
    return tracked;
  }

  #forgetOldest(): void {
    for (const [key, tracked] of this.#tracked) {
      if (tracked.writing) continue;
      this.#tracked.delete(key);
      return;
    }
  }
}

function parseRecord(text: string): { readonly by: unknown; readonly value: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || !('by' in value) || !('value' in value)) return undefined;
    return { by: value.by, value: value.value };
  } catch {
    return undefined;
  }
}
