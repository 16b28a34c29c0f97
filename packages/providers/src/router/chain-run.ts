import { type AttemptSummary, MoltbotError } from '@moltbot/contracts';
import type { ChainPlan, Model } from '../target.js';
import { AttemptLog, type AttemptLogOptions } from './attempt-log.js';
import { RequestBudget } from './budget.js';
import type { Payer } from './credential-health.js';
import type { EngineParts } from './engine-parts.js';
import { type Fault, finalError, reasonOfFault } from './fault.js';
import type { Needs } from './fitness.js';
import type { Served } from './served.js';
import { pause } from './pause.js';

export interface ChainRunOptions {
  readonly parts: EngineParts;
  readonly requestId: string;
  readonly plan: ChainPlan;
  readonly signal: AbortSignal;
  /** Undefined where every model of the chain can take the call. */
  readonly needs: Needs | undefined;
}

/** One request on its way through a chain: where it is, what it has spent, what has failed. */
export class ChainRun {
  readonly parts: EngineParts;
  readonly plan: ChainPlan;
  readonly signal: AbortSignal;
  readonly needs: Needs | undefined;
  readonly budget: RequestBudget;
  readonly attempts: AttemptSummary[] = [];
  /** The models to ask, in order; another chain's after a refused content. */
  models: readonly Model[];
  position = 0;
  /** Set where the policy chain has been taken. */
  policyTaken = false;
  readonly #requestId: string;
  readonly #faults: Fault[] = [];

  constructor({ parts, requestId, plan, signal, needs }: ChainRunOptions) {
    this.parts = parts;
    this.plan = plan;
    this.signal = signal;
    this.needs = needs;
    this.models = plan.models;
    this.#requestId = requestId;
    parts.retryBudget.request();
    this.budget = new RequestBudget({
      policy: plan.retryPolicy,
      totalMs: plan.timeouts.total,
      startedAt: parts.elapsed(),
      elapsed: parts.elapsed,
      random: parts.random,
      shared: parts.retryBudget,
    });
  }

  get requestId(): string {
    return this.#requestId;
  }

  /** Whether going on makes sense: the caller is there, and time is left. */
  get alive(): boolean {
    return !this.signal.aborted && !this.budget.over;
  }

  /** Whether a model that could take the call has failed, or is known to be bad. */
  get hasFailed(): boolean {
    return this.#faults.some(({ cause }) => cause !== 'unfit');
  }

  startAttempt(model: Model, payer: Payer, operation: Pick<AttemptLogOptions, 'role' | 'scope'>): AttemptLog {
    const { parts, attempts } = this;
    const { role, scope } = operation;
    return new AttemptLog({ parts, requestId: this.#requestId, attempts, model, payer, role, scope });
  }

  /** Notes why a model did not answer; a later word about the same model replaces the earlier one. */
  note(fault: Fault): void {
    const index = this.#faults.findIndex(({ model }) => model === fault.model);
    if (index === -1) this.#faults.push(fault);
    else this.#faults[index] = fault;
  }

  /** Waits, unless the caller leaves meanwhile. */
  async pause(ms: number): Promise<void> {
    if (ms > 0) await pause(ms, this.signal);
  }

  /** The end of a request that is not alive any more. */
  endedError(): MoltbotError {
    const attempts = this.attempts.slice();
    return this.signal.aborted
      ? new MoltbotError('client_closed', undefined, { attempts })
      : new MoltbotError('deadline_exceeded', undefined, { attempts });
  }

  failedError(): MoltbotError {
    return finalError({
      faults: this.#faults,
      plan: this.plan,
      attempts: this.attempts.slice(),
      now: this.parts.clock(),
    });
  }

  served(model: Model, payer: Payer, dropped: readonly string[]): Served {
    return {
      model,
      credential: payer?.id ?? 'none',
      attempts: this.attempts.slice(),
      fallback: this.#fallbackTo(model),
      dropped,
    };
  }

  #fallbackTo(model: Model): Served['fallback'] {
    const first = this.#faults[0];
    if (first === undefined || first.model === model) return undefined;
    const fallback = { from: first.model.ref, to: model.ref, reason: reasonOfFault(first) };
    this.parts.observer.fallback?.({ requestId: this.#requestId, ...fallback });
    return fallback;
  }
}
