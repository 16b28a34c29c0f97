import { types } from 'node:util';
import { connectRedis, type RedisClient, type RedisClientOptions } from '@moltbot/redis';
import type { Script } from './redis-scripts.js';
import { StateError } from './state-error.js';

export interface RedisConnectionOptions {
  readonly url: string;
  /** For one call, the wait for the first connection included. */
  readonly timeoutMs: number;
  /** A server that says nothing for so long, while it owes an answer, is asked over a new connection. */
  readonly hangsAfterMs: number;
  readonly onEvent: (event: RedisConnectionEvent) => void;
}

export type RedisConnectionEvent =
  | { readonly type: 'connected' }
  /** Told once until it is back; `reason` is a code. */
  | { readonly type: 'lost'; readonly reason: string };

const CONNECT_WITHIN_MS = 3_000;
const LONGEST_RECONNECT_WAIT_MS = 1_000;
const DISCONNECT_WITHIN_MS = 200;

/**
 * A connection whose calls end in time. Nothing waits in a queue for a server that is away: while there is no connection, or an
 * answer is overdue (Redis answers in order, so that all behind it would be late too), calls are refused at once.
 */
export class RedisConnection {
  #client: RedisClient | undefined;
  readonly #options: RedisConnectionOptions;
  /** Answers that are late and still owed. */
  #overdue = 0;
  #watchdog: NodeJS.Timeout | undefined;
  #lost: string | undefined;
  /** Settles when the first attempt has come to something; then the state of the connection is known. */
  readonly #firstAttempt = Promise.withResolvers<void>();
  #attempted = false;
  readonly #waiting = new Set<() => void>();
  #closed = false;

  constructor(options: RedisConnectionOptions) {
    this.#options = options;
    this.#open().catch((error: unknown) => {
      this.#firstCame();
      this.#lose(reasonOf(error));
    });
  }

  /** The library costs 30 MB: only who has a Redis pays for it. */
  async #open(): Promise<void> {
    const library = await import('ioredis');
    if (this.#closed) return;
    const client = connectRedis({ library, url: this.#options.url, options: CONNECTION_OPTIONS });
    this.#client = client;
    client.on('connect', () => this.#watch());
    client.on('ready', () => {
      this.#firstCame();
      clearTimeout(this.#watchdog);
      this.#lost = undefined;
      this.#wake();
      this.#options.onEvent({ type: 'connected' });
    });
    client.on('error', (error: unknown) => {
      this.#lose(reasonOf(error));
      this.#firstCame();
    });
    client.on('close', () => this.#lose('closed'));
    client.once('end', () => this.#firstCame());
  }

  /** Why it can't be used now; `undefined`: it can. */
  get trouble(): string | undefined {
    if (this.#lost !== undefined) return this.#lost;
    if (this.#client?.status !== 'ready') return 'connecting';
    return this.#overdue > 0 ? 'no answer' : undefined;
  }

  /**
   * Sends one command. `onLate` gets an answer that came after the call was given up.
   * @throws StateError within `timeoutMs` (or within `within`, for calls that wait at the server)
   */
  async run<Reply>(
    send: (client: RedisClient) => Promise<Reply>,
    { within, onLate }: { readonly within?: number; readonly onLate?: (reply: Reply) => void } = {},
  ): Promise<Reply> {
    const started = performance.now();
    const client = await this.#connected();
    if (this.#overdue > 0) throw new StateError('timeout');
    const reply = send(client);
    const timeoutMs = (within ?? this.#options.timeoutMs) - (performance.now() - started);
    return await this.#inTime(reply, Math.max(1, timeoutMs), onLate);
  }

  async script({ lua, sha }: Script, { keys, values, onLate }: ScriptCall): Promise<string | number | null> {
    const call = async (client: RedisClient): Promise<string | number | null> => {
      try {
        return (await client.evalsha(sha, keys.length, ...keys, ...values)) as string | number | null;
      } catch (error) {
        // The first of its kind at this server, or the server forgot it.
        if (reasonOf(error) !== 'NOSCRIPT') throw error;
        return (await client.eval(lua, keys.length, ...keys, ...values)) as string | number | null;
      }
    };
    return await this.run(call, onLate === undefined ? {} : { onLate });
  }

  /** Resolves with the next connection; at once where there is one. Rejects when it is closed. */
  async untilReady(): Promise<void> {
    while (this.trouble !== undefined) {
      if (this.#closed) throw new StateError('disconnected', 'closed');
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.add(resolve);
      await promise;
    }
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#watchdog);
    this.#client?.disconnect();
    this.#firstCame();
    this.#wake();
  }

  async #connected(): Promise<RedisClient> {
    if (!this.#attempted) {
      const limit = Promise.withResolvers<void>();
      const timer = setTimeout(limit.resolve, this.#options.timeoutMs);
      await Promise.race([this.#firstAttempt.promise, limit.promise]);
      clearTimeout(timer);
    }
    const client = this.#client;
    if (this.#lost !== undefined || client?.status !== 'ready') throw new StateError('disconnected', this.trouble);
    return client;
  }

  #firstCame(): void {
    this.#attempted = true;
    this.#firstAttempt.resolve();
  }

  async #inTime<Reply>(
    reply: Promise<Reply>,
    timeoutMs: number,
    onLate: ((reply: Reply) => void) | undefined,
  ): Promise<Reply> {
    return await new Promise<Reply>((resolve, reject) => {
      let late = false;
      const timer = setTimeout(() => {
        late = true;
        this.#overdue += 1;
        if (this.#overdue === 1) this.#watch();
        reject(new StateError('timeout'));
      }, timeoutMs);
      const settled = (): void => {
        clearTimeout(timer);
        if (!late) return;
        this.#overdue -= 1;
        if (this.#overdue > 0) return;
        clearTimeout(this.#watchdog);
        this.#wake();
      };
      reply.then(
        (value) => {
          settled();
          if (late) onLate?.(value);
          else resolve(value);
        },
        (error: unknown) => {
          settled();
          reject(toStateError(error));
        },
      );
    });
  }

  /** Those who wait look again. */
  #wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }

  /** From here on the server has to say something. */
  #watch(): void {
    clearTimeout(this.#watchdog);
    if (this.#closed) return;
    this.#watchdog = setTimeout(() => {
      this.#lose('no answer');
      this.#client?.disconnect(true);
    }, this.#options.hangsAfterMs);
  }

  #lose(reason: string): void {
    clearTimeout(this.#watchdog);
    if (this.#closed) return;
    const known = this.#lost !== undefined;
    // That it was closed is the least that can be said.
    if (!known || reason !== 'closed') this.#lost = reason;
    if (!known) this.#options.onEvent({ type: 'lost', reason });
  }
}

export interface ScriptCall {
  readonly keys: readonly string[];
  readonly values: readonly (string | number)[];
  readonly onLate?: (reply: string | number | null) => void;
}

const CONNECTION_OPTIONS: RedisClientOptions = {
  connectTimeout: CONNECT_WITHIN_MS,
  disconnectTimeout: DISCONNECT_WITHIN_MS,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  retryStrategy: (times) => Math.min(50 * 2 ** Math.min(times, 10), LONGEST_RECONNECT_WAIT_MS),
  // After a fail-over the address may still lead to the old primary.
  reconnectOnError: (error) => reasonOf(error) === 'READONLY',
};

function toStateError(cause: unknown): StateError {
  const reason = reasonOf(cause);
  const answered = types.isNativeError(cause) && cause.name === 'ReplyError';
  return new StateError(answered ? 'refused' : 'interrupted', reason, { cause });
}

/** A code of the system, or the word with which an error of Redis begins (its own convention for codes). */
function reasonOf(error: unknown): string {
  if (!types.isNativeError(error)) return 'error';
  if ('code' in error && typeof error.code === 'string') return error.code;
  return /^[A-Z]{2,20}\b/.exec(error.message)?.[0] ?? error.name;
}
