import type { SharedState } from '@moltbot/state';

export interface SharedMirrorOptions<Value> {
  readonly state: SharedState;
  readonly prefix: string;
  /** Who writes: what this process wrote itself is not told to it again. */
  readonly holder: string;
  /** Reads a value another process wrote; `undefined` where it is none of ours. */
  readonly parse: (value: unknown) => Value | undefined;
  /** `version` grows over all keys: what was written later has the larger one. */
  readonly onRemote: (key: string, value: Value, version: number) => void;
  /** How long after a write that failed it is tried again; 1 s. */
  readonly retryMs?: number | undefined;
}

interface Pending<Value> {
  readonly value: Value;
  readonly ttlMs: number;
  /** A write of it has failed: it says nothing against what others have written since. */
  readonly late: boolean;
}

interface Tracked<Value> {
  version: number;
  writing: boolean;
  pending: Pending<Value> | undefined;
}

const MAX_TRACKED = 4_096;
const WRITE_TRIES = 4;
const RETRY_MS = 1_000;

/**
 * Keeps a local view of shared records, so that a request never waits for them: changes of others come in by themselves, own
 * changes go out in the background, the latest one of a key only. While the state can't be reached it is done without; what
 * could not be written then is written when it is back, unless others have written since.
 */
export class SharedMirror<Value> {
  readonly #options: SharedMirrorOptions<Value>;
  readonly #tracked = new Map<string, Tracked<Value>>();
  readonly #unwatch: () => void;
  #retry: NodeJS.Timeout | undefined;
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
    tracked.pending = { value, ttlMs, late: false };
    if (!tracked.writing) void this.#write(key, tracked);
  }

  /** Publishes what every process has to hear of. @returns its version; `undefined` where the state could not be reached */
  async publishNow(key: string, value: Value, ttlMs: number): Promise<number | undefined> {
    const tracked = this.#trackedOf(key);
    tracked.pending = { value, ttlMs, late: false };
    await this.#write(key, tracked);
    return tracked.pending === undefined ? tracked.version : undefined;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
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
        if (written !== undefined) {
          tracked.version = Math.max(tracked.version, written.version);
          if (tracked.pending === pending) tracked.pending = undefined;
          continue;
        }
        tries += 1;
        const record = await state.read(prefix + key);
        if (pending.late && tracked.pending === pending && record !== undefined) {
          tracked.pending = undefined;
          this.#takeIn(key, record);
        }
        tracked.version = record?.version ?? 0;
      }
      // Others write all the time: theirs is as good.
      tracked.pending = undefined;
    } catch {
      // The local view stands meanwhile.
      this.#tryLater(tracked);
    } finally {
      tracked.writing = false;
    }
  }

  #tryLater(failed: Tracked<Value>): void {
    if (failed.pending !== undefined) failed.pending = { ...failed.pending, late: true };
    if (this.#closed || this.#retry !== undefined) return;
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      for (const [key, tracked] of this.#tracked) {
        if (tracked.pending !== undefined && !tracked.writing) void this.#write(key, tracked);
      }
    }, this.#options.retryMs ?? RETRY_MS).unref();
  }

  #takeIn(key: string, record: { readonly version: number; readonly value: string }): void {
    if (this.#closed) return;
    const tracked = this.#trackedOf(key);
    if (record.version <= tracked.version) return;
    tracked.version = record.version;
    const read = parseRecord(record.value);
    if (read === undefined || read.by === this.#options.holder) return;
    if (tracked.pending?.late === true && !tracked.writing) tracked.pending = undefined;
    const value = this.#options.parse(read.value);
    if (value !== undefined) this.#options.onRemote(key, value, record.version);
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
