import type { Dialect, FinishReason } from '@moltbot/contracts';

/** What an API can say at all: the conformance suite asks no more of its wire. */
export interface DialectTraits {
  /** Our finish reason as the provider's answer says it → as the wire must read it. Absent: the API has no word for it. */
  readonly finishReasons: Partial<Record<FinishReason, FinishReason>>;
  /** Whether finish reason and usage come before an end marker of their own. */
  readonly endMarker: 'own event' | 'the finish' | 'with the finish';
  /** Refusals have their own channel. */
  readonly refusals: boolean;
  /** Arguments of parallel calls may come in turns. */
  readonly interleavedCalls: boolean;
  /** How reasoning is sealed in a stream. */
  readonly seal: 'signature' | 'redacted' | undefined;
  readonly cacheWrite: boolean;
  readonly stopSequences: boolean;
  /** Callers speak it too: their bytes can be passed on. */
  readonly passed: boolean;
  /** An error object in a body or event whose own words mean `overloaded`. */
  readonly overloaded: { readonly status: number; readonly type?: string; readonly code?: string } | undefined;
}

export const DIALECT_TRAITS: Readonly<Record<Dialect, DialectTraits>> = {
  'openai-chat': {
    finishReasons: { stop: 'stop', length: 'length', 'content-filter': 'content-filter', other: 'other' },
    endMarker: 'own event',
    refusals: true,
    interleavedCalls: true,
    seal: undefined,
    cacheWrite: false,
    stopSequences: true,
    passed: true,
    overloaded: undefined,
  },
  'openai-responses': {
    finishReasons: { stop: 'stop', length: 'length', 'content-filter': 'content-filter' },
    endMarker: 'the finish',
    refusals: true,
    interleavedCalls: true,
    seal: 'redacted',
    cacheWrite: false,
    stopSequences: false,
    passed: true,
    overloaded: undefined,
  },
  'anthropic-messages': {
    finishReasons: { stop: 'stop', length: 'length', refusal: 'refusal', 'content-filter': 'refusal', other: 'other' },
    endMarker: 'own event',
    refusals: false,
    interleavedCalls: false,
    seal: 'signature',
    cacheWrite: true,
    stopSequences: true,
    passed: true,
    overloaded: { status: 529, type: 'overloaded_error' },
  },
  gemini: {
    finishReasons: { stop: 'stop', length: 'length', 'content-filter': 'content-filter', other: 'other' },
    endMarker: 'with the finish',
    refusals: false,
    interleavedCalls: false,
    seal: undefined,
    cacheWrite: false,
    stopSequences: true,
    passed: false,
    overloaded: { status: 503, code: 'UNAVAILABLE' },
  },
};
