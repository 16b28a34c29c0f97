import type { Credential } from '@moltbot/auth';
import type { Dialect } from '@moltbot/contracts';
import type { ProviderSettings, RetryPolicy, Timeouts } from '@moltbot/config';
import type { ChatWire, CountTokensWire, EmbeddingsWire } from './wire.js';

/** What a model can take; unknown models are taken to do all but prefill, and the provider's own refusal is believed. */
export interface Capabilities {
  readonly images: boolean;
  readonly tools: boolean;
  /** Continues an assistant message that it is given. */
  readonly prefill: boolean;
  /** Tokens, where known. */
  readonly contextWindow: number | undefined;
  readonly maxOutputTokens: number | undefined;
}

/** Prices in the currency's millionths per token (the same figure as units per million tokens). */
export interface Price {
  readonly input: number;
  readonly output: number;
  readonly cachedInput: number;
  readonly cacheWrite: number;
}

/** A provider as configured: an address, a wire, a way to send the key. */
export interface Provider {
  readonly name: string;
  readonly kind: NonNullable<ProviderSettings['kind']>;
  /** No trailing slash. */
  readonly baseUrl: string;
  readonly settings: ProviderSettings;
  readonly requiresCredential: boolean;
  /** Headers that carry a key, or the token of an account: that goes as a bearer token (RFC 6750), unless the settings say how. */
  authHeaders(token: string, type?: Credential['type']): Readonly<Record<string, string>>;
}

/** One model at one provider, ready to be called with any of the provider's credentials. */
export interface Model {
  /** `provider:model` */
  readonly ref: string;
  readonly provider: Provider;
  /** As our callers name it. */
  readonly name: string;
  /** As the provider names it. */
  readonly upstreamName: string;
  readonly dialect: Dialect;
  readonly chat: ChatWire;
  readonly embeddings: EmbeddingsWire | undefined;
  readonly countTokens: CountTokensWire | undefined;
  readonly capabilities: Capabilities;
  readonly price: Price | undefined;
}

/** The ordered models a request may be answered by, and the limits it goes under. */
export interface ChainPlan {
  /** `default`, a chain's name, or `explicit`. */
  readonly name: string;
  readonly models: readonly Model[];
  readonly retryPolicy: RetryPolicy;
  readonly timeouts: Timeouts;
  /** Asked when a provider refuses the content. */
  readonly policyChain: string | undefined;
  /** The plan of `policyChain`, made when it is needed; `undefined` where the chain is not there any more. */
  readonly policyPlan?: (() => ChainPlan | undefined) | undefined;
}
