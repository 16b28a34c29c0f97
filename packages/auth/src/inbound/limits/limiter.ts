import type { QuotaAnswer, QuotaGrant, Quotas } from '@moltbot/state';
import type {
  Admission,
  AdmissionAnswer,
  AdmissionAsk,
  Limiter,
  LimiterEvent,
  Refusal,
  Standing,
} from './admission.js';
import { BudgetGate, type BudgetHold, hasBudget } from './budget-gate.js';
import type { BudgetLedger } from './budget-ledger.js';

export interface LimiterOptions {
  readonly quotas: Quotas;
  readonly budgets: BudgetLedger;
  /** Milliseconds that only grow. */
  readonly elapsed?: (() => number) | undefined;
  /** Hears of what is counted. Must not throw. */
  readonly onEvent?: ((event: LimiterEvent) => void) | undefined;
}

export function createLimiter(options: LimiterOptions): Limiter {
  return new CallerLimiter(options);
}

class CallerLimiter implements Limiter {
  readonly #quotas: Quotas;
  readonly #gate: BudgetGate;
  readonly #onEvent: (event: LimiterEvent) => void;

  constructor({ quotas, budgets, elapsed = () => performance.now(), onEvent = () => {} }: LimiterOptions) {
    this.#quotas = quotas;
    this.#gate = new BudgetGate({ budgets, elapsed, onEvent });
    this.#onEvent = onEvent;
  }

  admit(ask: AdmissionAsk): AdmissionAnswer | Promise<AdmissionAnswer> {
    const { requests_per_minute, tokens_per_minute, parallel_requests } = ask.limits;
    if (requests_per_minute === undefined && tokens_per_minute === undefined && parallel_requests === undefined) {
      return this.#counted(ask, undefined);
    }
    const answer = this.#quotas.take({
      key: ask.keyId,
      requestsPerMinute: requests_per_minute,
      tokensPerMinute: tokens_per_minute,
      parallel: parallel_requests,
      tokens: ask.tokens,
    });
    return answer instanceof Promise ? answer.then((late) => this.#taken(ask, late)) : this.#taken(ask, answer);
  }

  #taken(ask: AdmissionAsk, answer: QuotaAnswer): AdmissionAnswer | Promise<AdmissionAnswer> {
    if (answer.granted) return this.#counted(ask, answer);
    const { by, retryAfterMs, requests, tokens } = answer;
    this.#onEvent({ type: 'refused', by });
    const standing = { requests, tokens, budgetRemainingMicros: undefined };
    return { admitted: false, code: 'key_rate_limited', by, retryAfterMs, held: by === 'parallel', standing };
  }

  #counted(ask: AdmissionAsk, grant: QuotaGrant | undefined): AdmissionAnswer | Promise<AdmissionAnswer> {
    if (ask.worstCaseMicros > 0n && hasBudget(ask.limits)) return this.#pay(ask, grant);
    return new RunningAdmission({ grant, hold: undefined });
  }

  async #pay(ask: AdmissionAsk, grant: QuotaGrant | undefined): Promise<AdmissionAnswer> {
    try {
      const hold = await this.#gate.hold(ask);
      if (hold.held) return new RunningAdmission({ grant, hold });
      // The request counts as one, but it has used no token and is not under way.
      grant?.end(0);
      const standing = standingOf(grant, hold.remainingMicros);
      return { admitted: false, code: 'budget_exhausted', ...hold.refusal, standing };
    } catch (error) {
      grant?.end(0);
      throw error;
    }
  }
}

class RunningAdmission implements Admission {
  readonly admitted = true;
  readonly standing: Standing;
  readonly #grant: QuotaGrant | undefined;
  readonly #hold: BudgetHold | undefined;

  constructor({ grant, hold }: { readonly grant: QuotaGrant | undefined; readonly hold: BudgetHold | undefined }) {
    this.#grant = grant;
    this.#hold = hold;
    this.standing = standingOf(grant, hold?.remainingMicros);
  }

  get reservedMicros(): bigint {
    return this.#hold?.micros ?? 0n;
  }

  async reserveMore(micros: bigint): Promise<Refusal | undefined> {
    const more = await this.#hold?.more(micros);
    if (more === undefined || more.held) return undefined;
    const standing = standingOf(this.#grant, more.remainingMicros);
    return { admitted: false, code: 'budget_exhausted', ...more.refusal, standing };
  }

  settle({ tokens, costMicros }: { readonly tokens: number; readonly costMicros: bigint }): void {
    this.#grant?.end(tokens);
    this.#hold?.settle(costMicros);
  }
}

function standingOf(grant: QuotaGrant | undefined, budgetRemainingMicros: bigint | undefined): Standing {
  return { requests: grant?.requests, tokens: grant?.tokens, budgetRemainingMicros };
}
