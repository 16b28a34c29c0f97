import type { Admission, AdmissionAnswer, Identity, Limiter } from '@moltbot/auth';
import type { KeyLimits, Settings } from '@moltbot/config';
import { type AttemptRecord, MoltbotError } from '@moltbot/contracts';
import { type CallSize, type ChainPlan, expectedTokens, type RouterObserver, worstCaseOf } from '@moltbot/providers';
import type { Exchange } from '../../chat/exchange.js';
import { LimitedRequest } from './limited-request.js';
import { limitHeaders } from './limit-headers.js';
import { refusalError } from './refusal-error.js';

/** Limits and budgets of callers, around each request. Callers without limits don't come here. */
export interface CallerLimits {
  /**
   * Lets a request of a limited caller in: before its first attempt. Resolved at once where nothing has to be waited for.
   * @throws MoltbotError `key_rate_limited`, `budget_exhausted`, `invalid_request` (a model without a price), `storage_unavailable`
   */
  admit(options: AdmitOptions): Promise<void> | undefined;
  /**
   * Counts a request that uses no model itself (it submits a job, uploads a file). @returns the headers that say how the caller stands
   * @throws MoltbotError `key_rate_limited`, `storage_unavailable`
   */
  count(identity: Identity | undefined): Promise<Readonly<Record<string, string>>>;
  /** The observer, with a listener for what attempts of limited requests cost. */
  observe(observer: RouterObserver): RouterObserver;
  /** The request is over, whatever way it ended: it is settled. */
  ended(exchange: Exchange): void;
}

export interface AdmitOptions {
  readonly exchange: Exchange;
  readonly plan: ChainPlan;
  readonly size: CallSize;
}

export interface CallerLimitsOptions {
  readonly limiter: Limiter;
  readonly settings: () => Settings;
  /** A model without a price was asked for by a caller with a budget. */
  readonly onUnpriced: () => void;
}

/** A process that has not told the cost so long after the deadline of its request is taken to be dead. */
const LAPSE_MARGIN_MS = 300_000;

export function createCallerLimits(options: CallerLimitsOptions): CallerLimits {
  const { limiter, settings } = options;
  /** By request id: attempts are told by it. */
  const running = new Map<string, LimitedRequest>();

  function begin(ask: AdmitOptions & Prepared, answer: AdmissionAnswer): void {
    const { exchange, plan, size, worstCaseMicros, inputPrice, tokens, limits } = ask;
    exchange.limitHeaders = limitHeaders({
      standing: answer.standing,
      dialect: exchange.door.dialect,
      now: Date.now(),
    });
    if (!answer.admitted) throw refusalError({ refusal: answer, limits, tokens, worstCaseMicros });
    if (exchange.ended) return giveBack(answer);
    const limited = new LimitedRequest({
      exchange,
      plan,
      admission: answer,
      inputTokens: size.inputTokens,
      worstCaseMicros,
      inputPrice,
      refuse: (refusal) => refusalError({ refusal, limits, tokens, worstCaseMicros }),
    });
    exchange.limited = limited;
    running.set(exchange.requestId, limited);
  }

  return {
    admit(ask) {
      const { exchange, plan, size } = ask;
      const { identity } = exchange;
      if (identity?.limits === undefined) return undefined;
      const prepared = prepare({ identity, limits: identity.limits, plan, size, settings: settings().limits });
      if (prepared instanceof MoltbotError) {
        options.onUnpriced();
        throw prepared;
      }
      const whole = { ...ask, ...prepared };
      const answer = limiter.admit({
        keyId: identity.keyId,
        limits: identity.limits,
        tokens: prepared.tokens,
        worstCaseMicros: prepared.worstCaseMicros,
        lapseAfterMs: plan.timeouts.total + LAPSE_MARGIN_MS,
      });
      if (answer instanceof Promise) return answer.then((late) => begin(whole, late));
      begin(whole, answer);
      return undefined;
    },

    async count(identity) {
      const limits = identity?.limits;
      if (identity === undefined || limits === undefined) return {};
      const costs = { tokens: 0, worstCaseMicros: 0n };
      const answer = await limiter.admit({ keyId: identity.keyId, limits, ...costs, lapseAfterMs: LAPSE_MARGIN_MS });
      if (!answer.admitted) throw refusalError({ refusal: answer, limits, ...costs });
      answer.settle({ tokens: 0, costMicros: 0n });
      const flat = limitHeaders({ standing: answer.standing, dialect: 'openai-chat', now: Date.now() });
      return Object.fromEntries(flat.flatMap((name, at) => (at % 2 === 0 ? [[name, flat[at + 1] ?? '']] : [])));
    },

    observe: (observer) => ({
      ...observer,
      attempt(record: AttemptRecord) {
        observer.attempt?.(record);
        if (running.size > 0) running.get(record.requestId)?.attempted(record);
      },
    }),

    ended(exchange) {
      if (exchange.limited === undefined) return;
      running.delete(exchange.requestId);
      exchange.limited.end();
    },
  };
}

interface Prepared {
  readonly limits: KeyLimits;
  readonly tokens: number;
  readonly worstCaseMicros: bigint;
  readonly inputPrice: number;
}

/** What the request may use, or why it can't be told. */
function prepare(options: {
  readonly identity: Identity;
  readonly limits: KeyLimits;
  readonly plan: ChainPlan;
  readonly size: CallSize;
  readonly settings: Settings['limits'];
}): Prepared | MoltbotError {
  const { limits, plan, size, settings } = options;
  const tokens = expectedTokens(size);
  if (limits.budget_per_day === undefined && limits.budget_per_month === undefined) {
    return { limits, tokens, worstCaseMicros: 0n, inputPrice: 0 };
  }
  const worstCase = worstCaseOf({ plan, size, settings });
  if (worstCase.known) {
    return { limits, tokens, worstCaseMicros: worstCase.micros, inputPrice: worstCase.inputPrice };
  }
  const named = worstCase.unpriced.slice(0, 3).join(', ');
  return new MoltbotError(
    'invalid_request',
    `This key has a budget, and nobody knows what ${named} costs: the operator sets its price (0 where it costs nothing), or \`limits.unpriced_models: free\`.`,
    { param: 'model' },
  );
}

/** Its caller was gone before it was let in. */
function giveBack(admission: Admission): never {
  admission.settle({ tokens: 0, costMicros: 0n });
  throw new MoltbotError('client_closed');
}
