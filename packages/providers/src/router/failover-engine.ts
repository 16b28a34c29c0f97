import { randomUUID } from 'node:crypto';
import type { CredentialVault } from '@moltbot/auth';
import type { Settings } from '@moltbot/config';
import { MoltbotError } from '@moltbot/contracts';
import type { SharedState } from '@moltbot/state';
import type { UpstreamClient } from '../http/upstream.js';
import type { Model, Provider } from '../target.js';
import { AnswerStream } from './answer-stream.js';
import { Breaker } from './breaker.js';
import { ChainRun } from './chain-run.js';
import { CredentialHealth, type CredentialHealthEntry } from './credential-health.js';
import type { EmbedCall, EngineCall, FailoverEngine } from './engine.js';
import type { EngineParts } from './engine-parts.js';
import { Needs } from './fitness.js';
import type { ModelLoader } from './model-loader.js';
import { type ProviderClock, ProviderClocks } from './provider-clocks.js';
import type { RouterObserver } from './observer.js';
import { RetryBudget } from './retry-budget.js';
import { runChain } from './run-chain.js';
import type { ServedAnswer, ServedStream } from './served.js';
import { streamOperation } from './stream-operation.js';
import {
  answerOperation,
  countOperation,
  embedOperation,
  estimatedInputTokens,
  type ServedEmbeddings,
} from './whole-operations.js';

export interface FailoverEngineOptions {
  /** One client for each provider, kept by the caller. */
  readonly clientFor: (provider: Provider) => UpstreamClient;
  readonly vault: CredentialVault;
  readonly state: SharedState;
  /** The settings in force; read at each use. */
  readonly settings: () => Settings;
  readonly observer?: RouterObserver | undefined;
  /** For models that have to be loaded first. */
  readonly loader?: ModelLoader | undefined;
  /** Unix time in ms. */
  readonly clock?: (() => number) | undefined;
  /** Milliseconds that only grow; deadlines are measured by it. */
  readonly elapsed?: (() => number) | undefined;
  /** In [0, 1). */
  readonly random?: (() => number) | undefined;
}

/** A failover engine with the handles of whoever runs it. */
export interface RunningFailoverEngine extends FailoverEngine {
  /**
   * Forgets what is held against a credential (`moltbot auth reset`), in every process. `cleared`: how much was known here;
   * `shared`: whether the other processes have been told; where the shared state is away they are told once it is back.
   */
  resetCredential(id: string): Promise<{ readonly cleared: number; readonly shared: boolean }>;
  /** What is held against credentials now, as this process knows it: `moltbot auth status`. */
  credentialHealth(): readonly CredentialHealthEntry[];
  /** Whether a model would be called now: its breaker, and whether anybody besides the `unusable` can pay. Changes nothing. */
  standing(
    model: Model,
    unusable: ReadonlySet<string>,
  ): { readonly circuit: 'closed' | 'half-open' | 'open'; readonly payable: boolean };
  /** Repeats that the process-wide budget allows now. */
  retriesLeft(): number;
  /** How far the clocks of providers are from ours, as their answers tell. */
  clocks(): readonly ProviderClock[];
  /** Stops following the shared state; requests under way go on. */
  close(): void;
}

export function createFailoverEngine(options: FailoverEngineOptions): RunningFailoverEngine {
  return new Engine(options);
}

class Engine implements RunningFailoverEngine {
  readonly #parts: EngineParts;

  constructor(options: FailoverEngineOptions) {
    const { state, settings, vault, clientFor, observer = {}, loader } = options;
    const { clock = Date.now, elapsed = () => performance.now(), random = Math.random } = options;
    const holder = randomUUID();
    const breakerSettings = (): Settings['breaker'] => settings().breaker;
    this.#parts = {
      clientFor,
      vault,
      observer,
      loader,
      clock,
      elapsed,
      random,
      breaker: new Breaker({ state, settings: breakerSettings, clock, random, holder, observer }),
      breakerSettings,
      health: new CredentialHealth({ state, vault, clock, holder, observer }),
      clocks: new ProviderClocks({ clock, elapsed }),
      retryBudget: new RetryBudget({ settings: () => settings().retry_budget, elapsed }),
    };
  }

  async answer(options: EngineCall): Promise<ServedAnswer> {
    return await runChain({ run: this.#run(options), operation: answerOperation(options) });
  }

  async stream(options: EngineCall): Promise<ServedStream> {
    const run = this.#run(options);
    const first = await runChain({ run, operation: streamOperation({ options, role: 'answer' }) });
    return new AnswerStream({ run, options, first });
  }

  async embed(options: EmbedCall): Promise<ServedEmbeddings> {
    const { requestId, plan, signal } = options;
    const run = new ChainRun({ parts: this.#parts, requestId, plan, signal, needs: undefined });
    return await runChain({ run, operation: embedOperation(options) });
  }

  async countTokens(options: EngineCall): ReturnType<FailoverEngine['countTokens']> {
    // A wrong request is told so, also where nobody counts.
    const estimated = estimatedInputTokens(options);
    try {
      const counted = await runChain({ run: this.#run(quick(options)), operation: countOperation(options) });
      return { ...counted, source: 'provider' };
    } catch (error) {
      const callers =
        error instanceof MoltbotError && (error.code === 'client_closed' || error.code === 'shutting_down');
      if (callers || options.signal.aborted) throw error;
      return { inputTokens: estimated, source: 'estimated', served: undefined };
    }
  }

  async resetCredential(id: string): ReturnType<RunningFailoverEngine['resetCredential']> {
    return await this.#parts.health.reset(id);
  }

  credentialHealth(): readonly CredentialHealthEntry[] {
    return this.#parts.health.list();
  }

  standing(model: Model, unusable: ReadonlySet<string>): ReturnType<RunningFailoverEngine['standing']> {
    const { breaker, health } = this.#parts;
    return { circuit: breaker.circuitOf(model), payable: health.isPayable(model, unusable) };
  }

  retriesLeft(): number {
    return this.#parts.retryBudget.remaining;
  }

  clocks(): readonly ProviderClock[] {
    return this.#parts.clocks.list();
  }

  close(): void {
    this.#parts.breaker.close();
    this.#parts.health.close();
  }

  #run({ call, plan, signal }: EngineCall): ChainRun {
    return new ChainRun({
      parts: this.#parts,
      requestId: call.requestId,
      plan,
      signal,
      needs: new Needs(call),
    });
  }
}

/** A count that takes longer than the headers of an answer may is done without: an estimate is at hand. */
function quick(options: EngineCall): EngineCall {
  const { timeouts } = options.plan;
  const longest = Math.min(timeouts.headers, timeouts.answer, timeouts.total);
  return { ...options, plan: { ...options.plan, timeouts: { ...timeouts, answer: longest, total: longest } } };
}
