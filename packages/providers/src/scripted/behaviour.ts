import type { FinishReason, Usage } from '@moltbot/contracts';
import type { JsonObject } from '../caller-request.js';
import type { ContentPart, EmittedError } from '../demo/emitter.js';

/** A tool call of a scripted answer; a list of argument pieces is sent piece by piece. */
export interface ScriptedToolCall {
  readonly id?: string | undefined;
  readonly name: string;
  readonly arguments: string | readonly string[];
  readonly signature?: string | undefined;
}

/** What an upstream says; everything has a default (`SCRIPTED_TEXT`, `stop`, counted usage). */
export interface ScriptedAnswer {
  /** Cut into tokens (`toTokens`), or the exact pieces. */
  readonly text?: string | readonly string[] | undefined;
  readonly reasoning?: string | readonly string[] | undefined;
  /** Anthropic's seal over the reasoning. */
  readonly reasoningSignature?: string | undefined;
  /** Parallel calls interleave their pieces where the dialect can (OpenAI chat and responses). */
  readonly toolCalls?: readonly ScriptedToolCall[] | undefined;
  readonly refusal?: string | readonly string[] | undefined;
  /** The exact parts in order, instead of all of the above. */
  readonly parts?: readonly ContentPart[] | undefined;
  readonly finishReason?: FinishReason | undefined;
  /** Replaces the dialect's word for `finishReason`. */
  readonly nativeFinishReason?: string | undefined;
  /** `none`: the provider reports nothing. */
  readonly usage?: Partial<Omit<Usage, 'source'>> | 'none' | undefined;
  /** As the provider names it in its answer; the requested name where not given. */
  readonly model?: string | undefined;
  readonly id?: string | undefined;
  /** Further top-level fields of objects and chunks. */
  readonly extra?: JsonObject | undefined;
}

interface Performed {
  readonly answer?: ScriptedAnswer | undefined;
  /** Between two events of a stream; 0 where not given. */
  readonly intervalMs?: number | undefined;
  /** Before the response headers; 0 where not given. */
  readonly headersDelayMs?: number | undefined;
}

/** What a scripted upstream does with one request. Counts (`after`) are content events. */
export type Behaviour =
  | ({ readonly type: 'answer' } & Performed)
  | StatusBehaviour
  /** Exactly this body. */
  | {
      readonly type: 'raw';
      readonly status?: number | undefined;
      readonly headers?: Readonly<Record<string, string>> | undefined;
      readonly body: string | Buffer;
      readonly delayMs?: number | undefined;
    }
  | { readonly type: 'reset' }
  | { readonly type: 'reset-in-headers' }
  | { readonly type: 'silence' }
  | { readonly type: 'headers-then-silence' }
  | ({
      readonly type: 'slow-first-content';
      readonly delayMs: number;
      readonly keepAliveMs?: number | undefined;
    } & Performed)
  | ({ readonly type: 'cut' | 'stall' | 'malformed'; readonly after: number } & Performed)
  | ({
      readonly type: 'error-event';
      readonly after: number;
      readonly error?: Partial<EmittedError> | undefined;
    } & Performed)
  /** The body ends cleanly without finish reason and end marker. */
  | ({ readonly type: 'no-finish' } & Performed)
  /** Finish reason and usage, no end marker, the connection stays open. */
  | ({ readonly type: 'no-end-marker' } & Performed)
  | { readonly type: 'html' }
  | { readonly type: 'empty' }
  | { readonly type: 'error-200'; readonly error?: Partial<EmittedError> | undefined }
  | ({ readonly type: 'half-json' } & Performed)
  /** 400 for a request that ends in an assistant message; `otherwise` for any other. */
  | { readonly type: 'refuse-prefill'; readonly otherwise?: Behaviour | undefined }
  /** Continues exactly: the answer's text without the beginning that the last assistant message holds already. */
  | ({ readonly type: 'continue' } & Performed)
  /** The text of the last user message comes back. */
  | ({ readonly type: 'echo' } & Performed);

export interface StatusBehaviour {
  readonly type: 'status';
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Instead of the dialect's error object. */
  readonly body?: JsonObject | string | undefined;
  /** What the dialect's error object says. */
  readonly error?: Partial<Omit<EmittedError, 'status'>> | undefined;
  readonly delayMs?: number | undefined;
}

/** The default answer: 60 tokens, every one different, so that a seam can be checked. */
export const SCRIPTED_TEXT = Array.from({ length: 60 }, (_, index) => `word${index + 1}`).join(' ');
