import { checkAmount, checkLength } from './lengths.js';
import { RedisConnection, type RedisConnectionEvent } from './redis-connection.js';
import { type LivingRecord, RedisFollower } from './redis-follower.js';
import { ACQUIRE, ADD, COMPARE_AND_SWAP, RELEASE, RENEW } from './redis-scripts.js';
import type { Lease, SharedState, StateRecord } from './shared-state.js';

export interface RedisStateOptions {
  /** As `parseRedisUrl` reads it: a server, its sentinels or its cluster; may hold a login. */
  readonly url: string;
  /** Of all keys: installations that share a Redis are told apart by it. */
  readonly prefix?: string | undefined;
  /** For each call; 250 ms. */
  readonly timeoutMs?: number | undefined;
  /** A server that owes an answer for so long is asked over a new connection; 3 s. */
  readonly hangsAfterMs?: number | undefined;
  readonly onEvent?: ((event: RedisConnectionEvent) => void) | undefined;
}

/**
 * Shared state of many processes, in Redis 6 or newer. Connects by itself, and again when the connection is lost; until then
 * every call rejects at once with a `StateError`, and each call ends within `timeoutMs`.
 */
export function createRedisState(options: RedisStateOptions): SharedState {
  return new RedisSharedState(options);
}

interface Watcher {
  readonly prefix: string;
  readonly listener: (key: string, record: StateRecord | undefined) => void;
}

interface Following {
  readonly connection: RedisConnection;
  readonly follower: RedisFollower;
}

class RedisSharedState implements SharedState {
  readonly kind = 'redis';
  readonly #options: RedisStateOptions;
  readonly #connection: RedisConnection;
  readonly #watchers = new Set<Watcher>();
  /** One slot of a cluster for all: the scripts need several keys at once, and all of it together is little. */
  readonly #keys: string;
  #follower: Following | undefined;
  #closed = false;

  constructor(options: RedisStateOptions) {
    this.#options = options;
    this.#keys = `{${options.prefix ?? 'moltbot'}:state}:`;
    this.#connection = this.#connect(options.onEvent);
  }

  get trouble(): string | undefined {
    return this.#connection.trouble;
  }

  async add(key: string, amount: number, windowMs: number): Promise<number> {
    this.#checkOpen();
    checkLength(windowMs, 'windowMs');
    checkAmount(amount);
    // Counters of another window's length are others.
    const counter = `${this.#keys}count:${windowMs}:${key}`;
    return Number(await this.#connection.script(ADD, { keys: [counter], values: [amount, windowMs] }));
  }

  async read(key: string): Promise<StateRecord | undefined> {
    this.#checkOpen();
    const found = await this.#connection.run(async (client) => client.hmget(this.#record(key), 'version', 'value'));
    return toRecord(found);
  }

  async compareAndSwap(key: string, version: number, value: string, ttlMs: number): Promise<StateRecord | undefined> {
    this.#checkOpen();
    checkLength(ttlMs, 'ttlMs');
    const written = await this.#connection.script(COMPARE_AND_SWAP, {
      keys: [this.#record(key), `${this.#keys}sequence`, `${this.#keys}log`],
      values: [String(version), value, Math.ceil(ttlMs), key],
    });
    return written === null ? undefined : { version: Number(written), value };
  }

  watch(prefix: string, listener: (key: string, record: StateRecord | undefined) => void): () => void {
    const watcher: Watcher = { prefix, listener };
    this.#watchers.add(watcher);
    if (!this.#closed) this.#follower ??= this.#follow();
    return () => {
      this.#watchers.delete(watcher);
    };
  }

  async acquireLease(key: string, holder: string, ttlMs: number): Promise<Lease | undefined> {
    this.#checkOpen();
    checkLength(ttlMs, 'ttlMs');
    const toLease = (fence: string | number | null): Lease | undefined =>
      fence === null ? undefined : { key, holder, fence: Number(fence) };
    const granted = await this.#connection.script(ACQUIRE, {
      keys: [this.#lease(key), `${this.#keys}sequence`],
      values: [Math.ceil(ttlMs)],
      // Nobody waits for it any more, and nobody else could have it.
      onLate: (fence) => {
        const lease = toLease(fence);
        if (lease !== undefined) this.releaseLease(lease).catch(() => undefined);
      },
    });
    return toLease(granted);
  }

  async renewLease(lease: Lease, ttlMs: number): Promise<boolean> {
    this.#checkOpen();
    checkLength(ttlMs, 'ttlMs');
    const values = [String(lease.fence), Math.ceil(ttlMs)];
    return (await this.#connection.script(RENEW, { keys: [this.#lease(lease.key)], values })) === 1;
  }

  async releaseLease(lease: Lease): Promise<void> {
    this.#checkOpen();
    await this.#connection.script(RELEASE, { keys: [this.#lease(lease.key)], values: [String(lease.fence)] });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#watchers.clear();
    this.#follower?.follower.close();
    this.#follower?.connection.close();
    this.#connection.close();
  }

  #connect(onEvent: RedisStateOptions['onEvent']): RedisConnection {
    const { url, timeoutMs = 250, hangsAfterMs = 3_000 } = this.#options;
    return new RedisConnection({ url, timeoutMs, hangsAfterMs, onEvent: onEvent ?? ignore });
  }

  #follow(): Following {
    const connection = this.#connect(undefined);
    const follower = new RedisFollower({
      connection,
      log: `${this.#keys}log`,
      read: async (names) => await this.#readLiving(names),
      wanted: (name) => [...this.#watchers].some(({ prefix }) => name.startsWith(prefix)),
      tell: (name, record) => this.#tell(name, record),
    });
    return { connection, follower };
  }

  async #readLiving(names: readonly string[]): Promise<readonly (LivingRecord | undefined)[]> {
    return await this.#connection.run(
      async (client) =>
        await Promise.all(
          names.map(async (name) => {
            const key = this.#record(name);
            const [found, lifeMs] = await Promise.all([client.hmget(key, 'version', 'value'), client.pttl(key)]);
            const record = toRecord(found);
            return record && { record, lifeMs };
          }),
        ),
    );
  }

  #tell(name: string, record: StateRecord | undefined): void {
    for (const watcher of this.#watchers) if (name.startsWith(watcher.prefix)) watcher.listener(name, record);
  }

  #record(key: string): string {
    return `${this.#keys}record:${key}`;
  }

  #lease(key: string): string {
    return `${this.#keys}lease:${key}`;
  }

  #checkOpen(): void {
    if (this.#closed) throw new Error('the shared state is closed');
  }
}

function toRecord([version, value]: readonly (string | null)[]): StateRecord | undefined {
  return typeof version === 'string' && typeof value === 'string' ? { version: Number(version), value } : undefined;
}

function ignore(): void {}
