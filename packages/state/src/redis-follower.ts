import { setTimeout as pause } from 'node:timers/promises';
import type { RedisConnection } from './redis-connection.js';
import type { StateRecord } from './shared-state.js';

export interface RedisFollowerOptions {
  /** Of its own: its reads wait at the server. */
  readonly connection: RedisConnection;
  /** The stream of changes. */
  readonly log: string;
  /** Records as they stand, in the order of the names. */
  readonly read: (names: readonly string[]) => Promise<readonly (LivingRecord | undefined)[]>;
  /** Whether anybody wants to hear of the record. */
  readonly wanted: (name: string) => boolean;
  readonly tell: (name: string, record: StateRecord | undefined) => void;
}

export interface LivingRecord {
  readonly record: StateRecord;
  /** Milliseconds that it has left. */
  readonly lifeMs: number;
}

interface Change extends LivingRecord {
  readonly name: string;
}

/** As XRANGE and XREAD give it. */
type Entry = readonly [id: string, fields: readonly string[]];

const WAIT_AT_SERVER_MS = 5_000;
const ANSWER_WITHIN_MS = 2_000;
const SWEEP_MS = 1_000;
const READ_AT_ONCE = 100;
/** The records told last; others are only not told of when they end unheard. */
const MAX_KNOWN = 10_000;
const PAUSE_MS = 200;

/**
 * Tells of every change, in order. Follows a log kept by the server, not a broadcast, so that nothing is missed while the
 * connection is gone; after each gap all that is known is read again, for the server may have lost it.
 */
export class RedisFollower {
  readonly #options: RedisFollowerOptions;
  /** Told last of each record, and when it ends by this process's clock: roughly, so the server is asked then. */
  readonly #known = new Map<string, { readonly version: number; readonly endsAt: number }>();
  readonly #sweeper: NodeJS.Timeout;
  readonly #end = new AbortController();
  #sweeping = false;
  #last = '0-0';

  constructor(options: RedisFollowerOptions) {
    this.#options = options;
    this.#sweeper = setInterval(() => void this.#sweep(), SWEEP_MS).unref();
    void this.#follow();
  }

  close(): void {
    this.#end.abort();
    clearInterval(this.#sweeper);
    this.#known.clear();
  }

  get #closed(): boolean {
    return this.#end.signal.aborted;
  }

  async #follow(): Promise<void> {
    let caughtUp = false;
    while (!this.#closed) {
      try {
        await this.#options.connection.untilReady();
        if (!caughtUp) await this.#catchUp();
        caughtUp = true;
        await this.#readOn();
      } catch {
        caughtUp = false;
        await pause(PAUSE_MS, undefined, { signal: this.#end.signal }).catch(() => undefined);
      }
    }
  }

  /** Reads what the log names and what was known, and tells what is different now. */
  async #catchUp(): Promise<void> {
    const { connection, log, wanted } = this.#options;
    const entries: readonly Entry[] = await connection.run(async (client) => client.xrange(log, '-', '+'), {
      within: ANSWER_WITHIN_MS,
    });
    const names = new Set(this.#known.keys());
    for (const entry of entries) {
      const change = toChange(entry);
      if (change !== undefined && wanted(change.name)) names.add(change.name);
    }
    await this.#readAll([...names]);
    this.#last = entries.at(-1)?.[0] ?? '0-0';
  }

  async #readOn(): Promise<void> {
    const { connection, log, wanted } = this.#options;
    const answer = await connection.run(
      async (client) => client.xread('BLOCK', WAIT_AT_SERVER_MS, 'STREAMS', log, this.#last),
      { within: WAIT_AT_SERVER_MS + ANSWER_WITHIN_MS },
    );
    const entries: readonly Entry[] = answer?.[0]?.[1] ?? [];
    for (const entry of entries) {
      if (this.#closed) return;
      const change = toChange(entry);
      if (change !== undefined && wanted(change.name)) this.#take(change.name, change);
      this.#last = entry[0];
    }
  }

  /** Asks about the records that should have ended. */
  async #sweep(): Promise<void> {
    if (this.#sweeping) return;
    this.#sweeping = true;
    const now = performance.now();
    try {
      await this.#readAll([...this.#known].filter(([, { endsAt }]) => endsAt <= now).map(([name]) => name));
    } catch {
      // Asked again in a second.
    } finally {
      this.#sweeping = false;
    }
  }

  async #readAll(names: readonly string[]): Promise<void> {
    for (let start = 0; start < names.length; start += READ_AT_ONCE) {
      const some = names.slice(start, start + READ_AT_ONCE);
      const asked = some.map((name) => this.#known.get(name)?.version);
      const found = await this.#options.read(some);
      if (this.#closed) return;
      for (const [index, name] of some.entries()) {
        const living = found[index];
        if (living !== undefined) this.#take(name, living);
        // Written again while we asked: the log will tell, or has told.
        else if (this.#known.get(name)?.version === asked[index]) this.#gone(name);
      }
    }
  }

  #take(name: string, { record, lifeMs }: LivingRecord): void {
    const before = this.#known.get(name)?.version ?? 0;
    if (record.version < before) return;
    this.#known.delete(name);
    if (this.#known.size >= MAX_KNOWN) this.#forgetOldest();
    this.#known.set(name, { version: record.version, endsAt: performance.now() + lifeMs });
    if (record.version > before) this.#options.tell(name, record);
  }

  #gone(name: string): void {
    if (this.#known.delete(name)) this.#options.tell(name, undefined);
  }

  #forgetOldest(): void {
    for (const name of this.#known.keys()) {
      this.#known.delete(name);
      return;
    }
  }
}

/** `undefined` for what is no entry of ours. */
function toChange([, fields]: Entry): Change | undefined {
  const { name, version, value, life } = Object.fromEntries(
    fields.flatMap((field, index) => (index % 2 === 0 ? [[field, fields[index + 1]]] : [])),
  ) as Readonly<Record<string, string | undefined>>;
  if (name === undefined || value === undefined || !(Number(version) > 0)) return undefined;
  return { name, record: { version: Number(version), value }, lifeMs: Number(life) };
}
