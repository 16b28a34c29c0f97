import type { AuditRecord } from '@moltbot/contracts';

export interface DenialDigestOptions {
  readonly record: (record: AuditRecord) => void;
  /** Unix ms. */
  readonly clock: () => number;
  /** Milliseconds that only grow. */
  readonly elapsed: () => number;
  readonly limits?: Partial<DenialDigestLimits>;
}

export interface DenialDigestLimits {
  /** Rows of one caller and reason within a window; the others are one row with their number. */
  readonly perCaller: number;
  readonly windowMs: number;
  /** Callers told apart within a window. */
  readonly callers: number;
  /** Rows that may come at once, */
  readonly burst: number;
  /** and rows a second in the long run; what is beyond is one row per reason and `overflowMs`. */
  readonly perSecond: number;
  readonly overflowMs: number;
}

const LIMITS: DenialDigestLimits = {
  perCaller: 5,
  windowMs: 1_000,
  callers: 1_000,
  burst: 200,
  perSecond: 1,
  overflowMs: 10_000,
};

interface CallerTally {
  recorded: number;
  held: number;
  last: AuditRecord;
}

/**
 * Keeps a flood of refused requests from filling the audit log: the first ones of a caller are rows of their own, the others
 * are summed up, and no flood makes more rows than a bucket fills again. Every refusal is in some row's count.
 */
export class DenialDigest {
  readonly #options: DenialDigestOptions;
  readonly #limits: DenialDigestLimits;
  readonly #callers = new Map<string, CallerTally>();
  readonly #overflow = new Map<string, { count: number; readonly last: AuditRecord }>();
  #tokens: number;
  #filledAt: number;
  #window: NodeJS.Timeout | undefined;
  #overflowing: NodeJS.Timeout | undefined;

  constructor(options: DenialDigestOptions) {
    this.#options = options;
    this.#limits = { ...LIMITS, ...options.limits };
    this.#tokens = this.#limits.burst;
    this.#filledAt = options.elapsed();
  }

  add(record: AuditRecord): void {
    const { perCaller, callers } = this.#limits;
    const key = `${record.actor}\n${record.source ?? ''}\n${record.errorCode ?? ''}`;
    let caller = this.#callers.get(key);
    if (caller === undefined) {
      if (this.#callers.size >= callers) {
        this.#overflowBy(record, 1);
        return;
      }
      caller = { recorded: 0, held: 0, last: record };
      this.#callers.set(key, caller);
      this.#window ??= setTimeout(() => this.#endWindow(), this.#limits.windowMs).unref();
    }
    caller.last = record;
    if (caller.recorded < perCaller && this.#take()) {
      caller.recorded += 1;
      this.#options.record(record);
    } else {
      caller.held += 1;
    }
  }

  /** Writes down what is held. */
  close(): void {
    this.#endWindow();
    this.#endOverflow();
  }

  #endWindow(): void {
    clearTimeout(this.#window);
    this.#window = undefined;
    for (const { held, last } of this.#callers.values()) {
      if (held === 0) continue;
      if (this.#take()) this.#options.record(summary(last, held, { target: last.target }));
      else this.#overflowBy(last, held);
    }
    this.#callers.clear();
  }

  #overflowBy(record: AuditRecord, count: number): void {
    const code = record.errorCode ?? '';
    const known = this.#overflow.get(code);
    if (known === undefined) this.#overflow.set(code, { count, last: record });
    else known.count += count;
    this.#overflowing ??= setTimeout(() => this.#endOverflow(), this.#limits.overflowMs).unref();
  }

  #endOverflow(): void {
    clearTimeout(this.#overflowing);
    this.#overflowing = undefined;
    const at = this.#options.clock();
    for (const { count, last } of this.#overflow.values()) {
      this.#options.record(
        summary({ ...last, at, actor: 'unknown', actorName: undefined, source: undefined }, count, {}),
      );
    }
    this.#overflow.clear();
  }

  #take(): boolean {
    const { burst, perSecond } = this.#limits;
    const now = this.#options.elapsed();
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#filledAt) * perSecond) / 1_000);
    this.#filledAt = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}

/** Many in one row: none of them by its id. */
function summary(last: AuditRecord, count: number, kept: Pick<AuditRecord, 'target'>): AuditRecord {
  return { ...last, target: undefined, ...kept, requestId: undefined, count, detail: { summary: true } };
}
