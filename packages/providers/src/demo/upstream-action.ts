import type { JsonObject } from '../caller-request.js';
import type { AnswerEnd, ContentPart, EmittedError } from './emitter.js';

/** What an upstream does with one request, from perfect to broken. */
export type UpstreamAction =
  | { readonly type: 'reset'; readonly at: 'before-headers' | 'in-headers' }
  /** The connection stays open and nothing (more) comes. */
  | { readonly type: 'silence'; readonly at: 'before-headers' | 'after-headers' }
  | RespondAction
  | PerformAction;

/** One body as a whole, or as far as it breaks off. */
export interface RespondAction {
  readonly type: 'respond';
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
  readonly delayMs?: number | undefined;
  /** `content-length` promises the whole body, and after `at` bytes no more comes. */
  readonly break?: { readonly how: 'cut' | 'stall'; readonly at: number } | undefined;
}

/** A model's answer, streamed or whole as the request asked. */
export interface PerformAction {
  readonly type: 'perform';
  readonly parts: readonly ContentPart[];
  readonly end: AnswerEnd;
  /** What is sent where nothing is streamed, instead of the parts as an answer (embeddings, a count of tokens). */
  readonly whole?: JsonObject | undefined;
  /** Before the response headers. */
  readonly headersDelayMs?: number | undefined;
  /** Between two parts of a stream. */
  readonly intervalMs: number;
  /** Before the first content; a stream has its headers, role event and keep-alives meanwhile. */
  readonly firstContentDelayMs: number;
  readonly keepAliveMs: number;
  readonly fault: PerformFault | undefined;
  /** `no-finish`: a clean end of the body without finish reason and end marker; `no-end-marker`: both finish reason and usage, then nothing more and the connection stays open. */
  readonly ending: 'complete' | 'no-finish' | 'no-end-marker';
}

/** What goes wrong after so many parts (after the last one where there are fewer). */
export type PerformFault =
  | { readonly type: 'cut' | 'stall' | 'malformed'; readonly after: number }
  | { readonly type: 'error-event'; readonly after: number; readonly error: EmittedError };
