import type { Admission, Refusal } from '@moltbot/auth';
import { type AttemptRecord, MoltbotError } from '@moltbot/contracts';
import { type ChainPlan, modelsOf, wholeMicros } from '@moltbot/providers';
import type { Exchange } from '../../chat/exchange.js';

export interface LimitedRequestOptions {
  readonly exchange: Exchange;
  readonly plan: ChainPlan;
  readonly admission: Admission;
  /** Estimated. */
  readonly inputTokens: number;
  readonly worstCaseMicros: bigint;
  /** Of a token, by the dearest model of the plan; in millionths. */
  readonly inputPrice: number;
  readonly refuse: (refusal: Refusal) => MoltbotError;
}

/** What usual models write in a second, thoughts included. */
const HIDDEN_TOKENS_PER_SECOND = 100;

/** One running request of a limited caller: what all its attempts have used so far. */
export class LimitedRequest {
  readonly #options: LimitedRequestOptions;
  #tokens = 0;
  #costMicros = 0n;

  constructor(options: LimitedRequestOptions) {
    this.#options = options;
  }

  /** An attempt has ended: what was counted of it is due, also where it failed. */
  attempted(record: AttemptRecord): void {
    const { usage, outcome } = record;
    if (usage !== undefined) {
      const cost = wholeMicros(record.costMicros);
      this.#tokens += usage.inputTokens + usage.outputTokens;
      this.#costMicros += cost;
      if (outcome !== 'ok' && cost > 0n) this.#coverRescue(cost, usage.outputTokens);
    } else if (outcome === 'ok' || outcome === 'cancelled') {
      this.#uncounted(record);
    }
  }

  end(): void {
    this.#options.admission.settle({ tokens: this.#tokens, costMicros: this.#costMicros });
  }

  /** Embeddings whose server counts nothing; and what was under way when its caller hung up. Nobody has told what it cost. */
  #uncounted({ provider, model, outcome, durationMs }: AttemptRecord): void {
    const { exchange, plan, inputTokens, worstCaseMicros } = this.#options;
    this.#tokens += inputTokens;
    if (outcome === 'ok' || exchange.stream) {
      // The request has been read. Nothing of an answer had come, but a model that thinks first may have written for long.
      const asked = modelsOf(plan).find((candidate) => candidate.ref === `${provider}:${model}`);
      const hidden = exchange.stream ? (durationMs / 1_000) * HIDDEN_TOKENS_PER_SECOND : 0;
      const cost = wholeMicros(inputTokens * (asked?.price?.input ?? 0) + hidden * (asked?.price?.output ?? 0));
      this.#costMicros += cost < worstCaseMicros ? cost : worstCaseMicros;
    } else {
      // The answer is written in one, and may have been all but ready.
      this.#costMicros += worstCaseMicros;
    }
  }

  /**
   * An answer that broke off is paid, and another model may go on with it: that costs up to a whole answer again, and has what
   * was written so far to read. Where the budget has no room for it the request ends here.
   */
  #coverRescue(costMicros: bigint, shownTokens: number): void {
    const { admission, exchange, inputPrice, refuse } = this.#options;
    if (exchange.ended || exchange.signal.aborted) return;
    admission.reserveMore(costMicros + wholeMicros(shownTokens * inputPrice)).then(
      (refusal) => {
        if (refusal !== undefined && !exchange.ended) exchange.interrupt(refuse(refusal));
      },
      (error: unknown) => {
        if (exchange.ended) return;
        exchange.interrupt(
          error instanceof MoltbotError ? error : new MoltbotError('internal_error', undefined, { cause: error }),
        );
      },
    );
  }
}
