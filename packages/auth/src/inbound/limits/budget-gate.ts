import type { KeyLimits } from '@moltbot/config';
import type { AdmissionAsk, LimiterEvent, Refusal } from './admission.js';
import type { BudgetAsk, BudgetLedger, BudgetPeriod, BudgetStanding } from './budget-ledger.js';

const MICROS = 1_000_000;
/** Others' calls end in seconds: what they hold may be free then. */
const HELD_RETRY_MS = 1_000;
/** A spent budget is looked up again after this: a caller that goes on asking must not keep the database busy. */
const REMEMBER_MS = 1_000;
const MOST_REMEMBERED = 10_000;

export interface BudgetGateOptions {
  readonly budgets: BudgetLedger;
  readonly elapsed: () => number;
  readonly onEvent: (event: LimiterEvent) => void;
}

export interface BudgetRefused {
  readonly held: false;
  readonly remainingMicros: bigint;
  readonly refusal: Pick<Refusal, 'by' | 'retryAfterMs' | 'held'>;
}

interface Spent {
  readonly until: number;
  readonly dayLimit: bigint | undefined;
  readonly monthLimit: bigint | undefined;
  readonly amount: bigint;
  readonly refused: BudgetRefused;
  readonly resetsAt: number;
}

export function hasBudget({ budget_per_day, budget_per_month }: KeyLimits): boolean {
  return budget_per_day !== undefined || budget_per_month !== undefined;
}

/** Where money is set aside for requests; remembers for a moment who has none left. */
export class BudgetGate {
  readonly #options: BudgetGateOptions;
  readonly #spent = new Map<string, Spent>();

  constructor(options: BudgetGateOptions) {
    this.#options = options;
  }

  /** @throws MoltbotError `storage_unavailable` */
  async hold({ keyId, limits, worstCaseMicros, lapseAfterMs }: AdmissionAsk): Promise<BudgetHold | BudgetRefused> {
    const ask: BudgetAsk = {
      keyId,
      amountMicros: worstCaseMicros,
      dayLimitMicros: toMicros(limits.budget_per_day),
      monthLimitMicros: toMicros(limits.budget_per_month),
      lapseAfterMs,
    };
    const answer = await this.reserve(ask);
    return 'reservationId' in answer ? new BudgetHold(this, ask, answer) : answer;
  }

  async reserve(ask: BudgetAsk): Promise<Reserved | BudgetRefused> {
    const { elapsed, onEvent, budgets } = this.#options;
    const started = elapsed();
    const known = this.#known(ask, started);
    if (known !== undefined) {
      onEvent({ type: 'refused', by: known.refusal.by });
      return known;
    }
    const answer = await budgets.reserve(ask);
    const now = elapsed();
    onEvent({ type: 'reserved', durationMs: now - started });
    const remainingMicros = remainingOf(ask, answer.standing);
    if (answer.state === 'reserved') return { reservationId: answer.reservationId, remainingMicros };
    const refused: BudgetRefused = { held: false, remainingMicros, refusal: refusalOf(ask, answer.standing) };
    onEvent({ type: 'refused', by: refused.refusal.by });
    if (!refused.refusal.held) this.#remember(ask, refused, now);
    return refused;
  }

  settle(reservations: readonly { readonly id: string; readonly micros: bigint }[], costMicros: bigint): void {
    const { budgets, onEvent } = this.#options;
    let reservedMicros = 0n;
    // The whole cost stands with the first one: what is set aside is freed with each.
    for (const [index, { id, micros }] of reservations.entries()) {
      reservedMicros += micros;
      budgets.settle(id, index === 0 ? costMicros : 0n);
    }
    onEvent({ type: 'settled', reservedMicros, costMicros });
  }

  /** Frees what was set aside too late to be used. */
  free(reservationId: string): void {
    this.#options.budgets.settle(reservationId, 0n);
  }

  #known(ask: BudgetAsk, now: number): BudgetRefused | undefined {
    const spent = this.#spent.get(ask.keyId);
    if (spent === undefined) return undefined;
    if (spent.until <= now) {
      this.#spent.delete(ask.keyId);
      return undefined;
    }
    const same = spent.dayLimit === ask.dayLimitMicros && spent.monthLimit === ask.monthLimitMicros;
    if (!same || ask.amountMicros < spent.amount) return undefined;
    const { refused } = spent;
    const retryAfterMs = refused.refusal.retryAfterMs === undefined ? undefined : Math.ceil(spent.resetsAt - now);
    return { ...refused, refusal: { ...refused.refusal, retryAfterMs } };
  }

  #remember(ask: BudgetAsk, refused: BudgetRefused, now: number): void {
    if (this.#spent.size >= MOST_REMEMBERED) this.#spent.clear();
    const resetsInMs = refused.refusal.retryAfterMs ?? REMEMBER_MS;
    this.#spent.set(ask.keyId, {
      until: now + Math.min(REMEMBER_MS, resetsInMs),
      resetsAt: now + resetsInMs,
      dayLimit: ask.dayLimitMicros,
      monthLimit: ask.monthLimitMicros,
      amount: ask.amountMicros,
      refused,
    });
  }
}

interface Reserved {
  readonly reservationId: string;
  readonly remainingMicros: bigint;
}

/** Money set aside for one request. */
export class BudgetHold {
  readonly held = true;
  readonly #gate: BudgetGate;
  readonly #ask: BudgetAsk;
  readonly #reservations: { readonly id: string; readonly micros: bigint }[];
  #settled = false;
  #micros: bigint;
  #remainingMicros: bigint;

  constructor(gate: BudgetGate, ask: BudgetAsk, { reservationId, remainingMicros }: Reserved) {
    this.#gate = gate;
    this.#ask = ask;
    this.#micros = ask.amountMicros;
    this.#remainingMicros = remainingMicros;
    this.#reservations = [{ id: reservationId, micros: ask.amountMicros }];
  }

  get micros(): bigint {
    return this.#micros;
  }

  get remainingMicros(): bigint {
    return this.#remainingMicros;
  }

  /** @throws MoltbotError `storage_unavailable` */
  async more(micros: bigint): Promise<{ readonly held: true } | BudgetRefused> {
    if (micros <= 0n || this.#settled) return { held: true };
    const answer = await this.#gate.reserve({ ...this.#ask, amountMicros: micros });
    if (!('reservationId' in answer)) return answer;
    if (this.#settled) {
      // The request has ended meanwhile.
      this.#gate.free(answer.reservationId);
    } else {
      this.#reservations.push({ id: answer.reservationId, micros });
      this.#micros += micros;
      this.#remainingMicros = answer.remainingMicros;
    }
    return { held: true };
  }

  settle(costMicros: bigint): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#gate.settle(this.#reservations, costMicros);
  }
}

/** A budget of the settings in millionths: 0.1 + 0.2 is 300000 here. */
export function toMicros(budget: number | undefined): bigint | undefined {
  return budget === undefined ? undefined : BigInt(Math.round(budget * MICROS));
}

interface Limited {
  readonly by: 'day' | 'month';
  readonly limit: bigint;
  readonly period: BudgetPeriod;
}

function limited(ask: BudgetAsk, standing: BudgetStanding): readonly Limited[] {
  const found: Limited[] = [];
  if (ask.dayLimitMicros !== undefined) found.push({ by: 'day', limit: ask.dayLimitMicros, period: standing.day });
  if (ask.monthLimitMicros !== undefined) {
    found.push({ by: 'month', limit: ask.monthLimitMicros, period: standing.month });
  }
  return found;
}

function remainingOf(ask: BudgetAsk, standing: BudgetStanding): bigint {
  const rests = limited(ask, standing).map(({ limit, period }) => limit - period.spentMicros - period.reservedMicros);
  const least = rests.reduce((lowest, rest) => (rest < lowest ? rest : lowest), rests[0] ?? 0n);
  return least < 0n ? 0n : least;
}

/** What is in the way longest: a budget that is smaller than the request, one that is spent, one that others hold. */
function refusalOf(ask: BudgetAsk, standing: BudgetStanding): BudgetRefused['refusal'] {
  const amount = ask.amountMicros;
  const full = limited(ask, standing).filter(
    ({ limit, period }) => period.spentMicros + period.reservedMicros + amount > limit,
  );
  const spent = full.filter(({ limit, period }) => period.spentMicros + amount > limit);
  const tooSmall = spent.find(({ limit }) => amount > limit);
  if (tooSmall !== undefined) return { by: tooSmall.by, retryAfterMs: undefined, held: false };
  const longest = (spent.length > 0 ? spent : full).reduce<Limited | undefined>(
    (last, one) => (last === undefined || one.period.resetsInMs > last.period.resetsInMs ? one : last),
    undefined,
  );
  const by = longest?.by ?? 'day';
  if (spent.length === 0) return { by, retryAfterMs: HELD_RETRY_MS, held: true };
  return { by, retryAfterMs: longest?.period.resetsInMs ?? HELD_RETRY_MS, held: false };
}
