import {
  countable,
  PARALLEL_RETRY_MS,
  type QuotaAnswer,
  type QuotaAsk,
  type QuotaGrant,
  type QuotaLevel,
  type QuotaRefusal,
  type Quotas,
} from './quotas.js';
import { BUCKET_MS, SlidingWindow, WINDOW_BUCKETS } from './sliding-window.js';

export interface MemoryQuotasOptions {
  /** Milliseconds that only grow: a clock that is set frees nobody. */
  readonly elapsed?: (() => number) | undefined;
}

/** Quotas of one process. */
export interface MemoryQuotas extends Quotas {
  take(ask: QuotaAsk): QuotaAnswer;
  /** Keys that something is kept for. */
  readonly size: number;
}

interface Account {
  requests: SlidingWindow | undefined;
  tokens: SlidingWindow | undefined;
  running: number;
  usedAt: number;
}

const SWEEP_MS = WINDOW_BUCKETS * BUCKET_MS;

export function createMemoryQuotas(options: MemoryQuotasOptions = {}): MemoryQuotas {
  return new ProcessQuotas(options.elapsed ?? (() => performance.now()));
}

class ProcessQuotas implements MemoryQuotas {
  readonly #elapsed: () => number;
  readonly #accounts = new Map<string, Account>();
  #timer: NodeJS.Timeout | undefined;

  constructor(elapsed: () => number) {
    this.#elapsed = elapsed;
  }

  get size(): number {
    return this.#accounts.size;
  }

  take(ask: QuotaAsk): QuotaAnswer {
    const now = this.#elapsed();
    const bucket = Math.floor(now / BUCKET_MS);
    const account = this.#accountOf(ask.key);
    account.usedAt = now;
    const { requestsPerMinute, tokensPerMinute, parallel } = ask;
    const wanted = tokensPerMinute === undefined ? 0 : Math.min(countable(ask.tokens), tokensPerMinute);
    let refusedBy: QuotaRefusal['by'] | undefined;
    let retryAfterMs = 0;
    if (parallel !== undefined && account.running >= parallel) {
      refusedBy = 'parallel';
      retryAfterMs = PARALLEL_RETRY_MS;
    }
    if (requestsPerMinute !== undefined) {
      account.requests ??= new SlidingWindow();
      const over = account.requests.sum(bucket) + 1 - requestsPerMinute;
      if (over > 0) {
        refusedBy = 'requests';
        retryAfterMs = account.requests.msUntilFreed(now, over);
      }
    }
    if (tokensPerMinute !== undefined) {
      account.tokens ??= new SlidingWindow();
      const over = account.tokens.sum(bucket) + wanted - tokensPerMinute;
      if (over > 0) {
        const wait = account.tokens.msUntilFreed(now, over);
        if (refusedBy !== 'requests' || wait > retryAfterMs) {
          refusedBy = 'tokens';
          retryAfterMs = wait;
        }
      }
    }
    if (refusedBy === undefined) {
      if (requestsPerMinute !== undefined) account.requests?.add(bucket, 1);
      if (tokensPerMinute !== undefined) account.tokens?.add(bucket, wanted);
      account.running += 1;
    }
    const requests = levelOf(account.requests, requestsPerMinute, now);
    const tokens = levelOf(account.tokens, tokensPerMinute, now);
    if (refusedBy !== undefined) {
      return { granted: false, by: refusedBy, retryAfterMs: Math.max(1, Math.ceil(retryAfterMs)), requests, tokens };
    }
    const counted = tokensPerMinute === undefined ? undefined : { bucket, amount: wanted };
    return new Grant({ account, requests, tokens, counted, elapsed: this.#elapsed });
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#accounts.clear();
  }

  #accountOf(key: string): Account {
    const known = this.#accounts.get(key);
    if (known !== undefined) return known;
    const account: Account = { requests: undefined, tokens: undefined, running: 0, usedAt: 0 };
    this.#accounts.set(key, account);
    this.#timer ??= setInterval(() => this.#sweep(), SWEEP_MS).unref();
    return account;
  }

  /** Forgets those whose windows are empty and who have nothing under way. */
  #sweep(): void {
    const before = this.#elapsed() - SWEEP_MS;
    for (const [key, account] of this.#accounts) {
      if (account.running === 0 && account.usedAt <= before) this.#accounts.delete(key);
    }
    if (this.#accounts.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

interface GrantParts {
  readonly account: Account;
  readonly requests: QuotaLevel | undefined;
  readonly tokens: QuotaLevel | undefined;
  readonly counted: { readonly bucket: number; readonly amount: number } | undefined;
  readonly elapsed: () => number;
}

class Grant implements QuotaGrant {
  readonly granted = true;
  readonly requests: QuotaLevel | undefined;
  readonly tokens: QuotaLevel | undefined;
  #parts: GrantParts | undefined;

  constructor(parts: GrantParts) {
    this.requests = parts.requests;
    this.tokens = parts.tokens;
    this.#parts = parts;
  }

  end(tokens: number): void {
    const parts = this.#parts;
    if (parts === undefined) return;
    this.#parts = undefined;
    const { account, counted } = parts;
    const now = parts.elapsed();
    account.running -= 1;
    account.usedAt = now;
    if (counted === undefined) return;
    const difference = countable(tokens) - counted.amount;
    const bucket = Math.floor(now / BUCKET_MS);
    // What was not used is given back to the second it was taken in; what was used besides is used now.
    if (difference > 0) account.tokens?.add(bucket, difference);
    else if (difference < 0) account.tokens?.takeBack(counted.bucket, -difference);
  }
}

function levelOf(window: SlidingWindow | undefined, limit: number | undefined, now: number): QuotaLevel | undefined {
  if (window === undefined || limit === undefined) return undefined;
  const used = window.sum(Math.floor(now / BUCKET_MS));
  return { limit, remaining: Math.max(0, limit - used), resetMs: Math.ceil(window.msUntilEmpty(now)) };
}
