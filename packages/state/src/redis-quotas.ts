import { randomUUID } from 'node:crypto';
import { createMemoryQuotas, type MemoryQuotas } from './memory-quotas.js';
import {
  countable,
  PARALLEL_RETRY_MS,
  type QuotaAnswer,
  type QuotaAsk,
  type QuotaGrant,
  type QuotaLevel,
  type QuotaLevels,
  type Quotas,
} from './quotas.js';
import { RedisConnection } from './redis-connection.js';
import { StateError } from './state-error.js';
import { END, HOLD, TAKE } from './redis-quota-scripts.js';

export interface RedisQuotasOptions {
  /** As `parseRedisUrl` reads it: a server, its sentinels or its cluster; may hold a login. */
  readonly url: string;
  /** Of all keys: installations that share a Redis are told apart by it. */
  readonly prefix?: string | undefined;
  /** For each call; 250 ms. */
  readonly timeoutMs?: number | undefined;
  /** Unix ms, for tests: by default Redis's own clock, the same for all processes. */
  readonly clock?: (() => number) | undefined;
  /** A process that was killed holds its places for so long; 30 s. */
  readonly leaseMs?: number | undefined;
  readonly onEvent?: ((event: QuotasEvent) => void) | undefined;
}

/** Told when it changes: without Redis each process counts for itself. */
export type QuotasEvent = { readonly type: 'quotas'; readonly shared: boolean; readonly reason?: string };

interface Place {
  readonly key: string;
  readonly ticket: string;
}

const REFUSALS = { requests: 'requests', tokens: 'tokens', parallel: 'parallel' } as const;

/**
 * Quotas of all processes together, in Redis 6 or newer: one round trip for a request, none waited for at its end. While Redis
 * is away each process counts for itself.
 */
export function createRedisQuotas(options: RedisQuotasOptions): Quotas {
  return new RedisQuotas(options);
}

class RedisQuotas implements Quotas {
  readonly #options: RedisQuotasOptions;
  readonly #connection: RedisConnection;
  readonly #own: MemoryQuotas = createMemoryQuotas();
  readonly #leaseMs: number;
  readonly #prefix: string;
  /** Places that this process holds, by caller. */
  readonly #places = new Map<string, Set<string>>();
  #timer: NodeJS.Timeout | undefined;
  #shared: boolean | undefined;
  #closed = false;

  constructor(options: RedisQuotasOptions) {
    const { url, timeoutMs = 250, leaseMs = 30_000, prefix = 'moltbot' } = options;
    this.#options = options;
    this.#leaseMs = leaseMs;
    this.#prefix = prefix;
    this.#connection = new RedisConnection({ url, timeoutMs, hangsAfterMs: 3_000, onEvent: () => undefined });
  }

  async take(ask: QuotaAsk): Promise<QuotaAnswer> {
    const ticket = randomUUID();
    const wanted = ask.tokensPerMinute === undefined ? 0 : Math.min(countable(ask.tokens), ask.tokensPerMinute);
    const values = [
      this.#now(),
      limitText(ask.requestsPerMinute),
      limitText(ask.tokensPerMinute),
      limitText(ask.parallel),
      wanted,
      ticket,
      this.#leaseMs,
    ];
    const keys = [this.#key(ask.key, 'requests'), this.#key(ask.key, 'tokens'), this.#key(ask.key, 'places')];
    try {
      const reply = await this.#connection.script(TAKE, {
        keys,
        values,
        // Its caller was let in, or not, by our own counts.
        onLate: (late) => this.#giveBack(ask, ticket, wanted, String(late)),
      });
      this.#tell(true);
      return this.#answer(ask, ticket, wanted, String(reply));
    } catch (error) {
      if (!(error instanceof StateError)) throw error;
      this.#tell(false, error.message);
      return this.#own.take(ask);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#connection.close();
    await this.#own.close();
  }

  #answer(ask: QuotaAsk, ticket: string, wanted: number, reply: string): QuotaAnswer {
    const [outcome = '', wait, bucket, requests, requestsReset, tokens, tokensReset] = reply.split(' ');
    const levels: QuotaLevels = {
      requests: levelOf(ask.requestsPerMinute, requests, requestsReset),
      tokens: levelOf(ask.tokensPerMinute, tokens, tokensReset),
    };
    if (outcome in REFUSALS) {
      const by = REFUSALS[outcome as keyof typeof REFUSALS];
      const retryAfterMs = by === 'parallel' ? PARALLEL_RETRY_MS : Math.max(1, Number(wait));
      return { granted: false, by, retryAfterMs, ...levels };
    }
    const place = ask.parallel === undefined ? undefined : { key: ask.key, ticket };
    if (place !== undefined) this.#hold(place);
    let ended = false;
    const grant: QuotaGrant = {
      granted: true,
      ...levels,
      end: (used) => {
        if (ended) return;
        ended = true;
        if (place !== undefined) this.#release(place);
        const counted = ask.tokensPerMinute !== undefined && countable(used) !== wanted;
        if (place === undefined && !counted) return;
        this.#end({ key: ask.key, ticket, bucket: bucket ?? '0', taken: counted ? wanted : '', used: countable(used) });
      },
    };
    return grant;
  }

  /** Nobody waits for it: what is lost here lapses within a minute. */
  #end(options: {
    readonly key: string;
    readonly ticket: string;
    readonly bucket: string;
    readonly taken: number | '';
    readonly used: number;
  }): void {
    if (this.#closed) return;
    const { key, ticket, bucket, taken, used } = options;
    const values = [this.#now(), bucket, taken, used, ticket];
    this.#connection
      .script(END, { keys: [this.#key(key, 'tokens'), this.#key(key, 'places')], values })
      .catch(() => undefined);
  }

  #giveBack(ask: QuotaAsk, ticket: string, wanted: number, reply: string): void {
    const [outcome, , bucket = '0'] = reply.split(' ');
    if (outcome === 'granted') this.#end({ key: ask.key, ticket, bucket, taken: wanted > 0 ? wanted : '', used: 0 });
  }

  #hold({ key, ticket }: Place): void {
    const held = this.#places.get(key) ?? new Set();
    this.#places.set(key, held.add(ticket));
    this.#timer ??= setInterval(() => this.#holdOn(), this.#leaseMs / 3).unref();
  }

  #release({ key, ticket }: Place): void {
    const held = this.#places.get(key);
    held?.delete(ticket);
    if (held?.size === 0) this.#places.delete(key);
    if (this.#places.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #holdOn(): void {
    for (const [key, tickets] of this.#places) {
      const values = [this.#now(), this.#leaseMs, ...tickets];
      this.#connection.script(HOLD, { keys: [this.#key(key, 'places')], values }).catch(() => undefined);
    }
  }

  #now(): number | '' {
    return this.#options.clock?.() ?? '';
  }

  /** One slot of a cluster for one caller. */
  #key(key: string, kind: string): string {
    return `${this.#prefix}:quota:{${key}}:${kind}`;
  }

  #tell(shared: boolean, reason?: string): void {
    if (this.#shared === shared || this.#closed) return;
    this.#shared = shared;
    this.#options.onEvent?.({ type: 'quotas', shared, ...(reason !== undefined && { reason }) });
  }
}

function limitText(limit: number | undefined): number | '' {
  return limit ?? '';
}

function levelOf(limit: number | undefined, sum = '0', resetMs = '0'): QuotaLevel | undefined {
  if (limit === undefined) return undefined;
  return { limit, remaining: Math.max(0, limit - Number(sum)), resetMs: Math.max(0, Number(resetMs)) };
}
