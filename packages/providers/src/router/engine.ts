import type { CallerRequest, JsonObject } from '../caller-request.js';
import type { ChainPlan } from '../target.js';
import type { Served, ServedAnswer, ServedStream } from './served.js';
import type { Usage } from '@moltbot/contracts';

/**
 * Answers requests through a chain: breaker, attempts, back-off, budgets, rescue. One per process.
 *
 * Every method throws MoltbotError: the primary's error in our codes with `attempts`, after all targets failed;
 * `client_closed` where `signal` fired; `deadline_exceeded`.
 */
export interface FailoverEngine {
  /** Resolves when the answer is whole and parsed. */
  answer(options: EngineCall): Promise<ServedAnswer>;
  /** Resolves at the first content: until then nothing may have gone to the caller. */
  stream(options: EngineCall): Promise<ServedStream>;
  embed(
    options: EmbedCall,
  ): Promise<
    Served & { readonly bytes: Buffer; readonly usage: Usage | undefined; readonly costMicros: number | undefined }
  >;
  /** Counts with the first target of the chain that can count; estimates (characters / 4) where none can. */
  countTokens(options: EngineCall): Promise<{
    readonly inputTokens: number;
    readonly source: 'provider' | 'estimated';
    readonly served: Served | undefined;
  }>;
}

export interface EngineCall {
  readonly call: CallerRequest;
  readonly plan: ChainPlan;
  /** Fires when the caller goes away. */
  readonly signal: AbortSignal;
  /** Caller's headers that go along where caller and target speak the same dialect (`anthropic-beta`), lower case. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Whether the caller's surface has an event that takes back text already shown (`segment.replaces`). */
  readonly replaceable?: boolean | undefined;
}

export interface EmbedCall {
  readonly requestId: string;
  readonly value: JsonObject;
  readonly bytes: Buffer;
  readonly encoding: 'float' | 'base64';
  readonly plan: ChainPlan;
  readonly signal: AbortSignal;
}
