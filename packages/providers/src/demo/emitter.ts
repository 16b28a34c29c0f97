import type { Dialect, FinishReason, StreamPart, Usage } from '@moltbot/contracts';
import type { JsonObject } from '../caller-request.js';

/** What an answer consists of, in order; one part is one event on the wire. */
export type ContentPart = Extract<
  StreamPart,
  {
    readonly type:
      | 'text-delta'
      | 'reasoning-delta'
      | 'reasoning-seal'
      | 'refusal-delta'
      | 'tool-call-start'
      | 'tool-call-delta';
  }
>;

/** The end of an answer. `nativeReason` replaces the dialect's word for `reason`. */
export interface AnswerEnd {
  readonly reason: FinishReason;
  readonly nativeReason?: string | undefined;
  readonly usage: Usage | undefined;
}

export interface EmitContext {
  readonly id: string;
  /** Unix seconds. */
  readonly created: number;
  readonly model: string;
  /** OpenAI chat: whether the request asked for usage at the end of its stream. */
  readonly includeUsage: boolean;
  /** Anthropic says it at the start of a stream. */
  readonly inputTokens: number;
  /** Further top-level fields of every object and chunk. */
  readonly extra: JsonObject;
}

/** An upstream's complaint; the dialect's own type and code follow from the status where they are not given. */
export interface EmittedError {
  readonly status: number;
  readonly message: string;
  readonly type?: string | undefined;
  readonly code?: string | undefined;
  readonly param?: string | undefined;
}

/** One turn of a request, its text only. */
export interface Turn {
  readonly role: 'system' | 'user' | 'assistant' | 'tool';
  readonly text: string;
}

/** Speaks one dialect from the provider's side, independent of the code that reads it. */
export interface DialectEmitter {
  readonly dialect: Dialect;
  /** What the provider sends while it thinks. */
  readonly keepAlive: string;
  createEventWriter(context: EmitContext): EventWriter;
  /** The body of an answer that is not streamed. */
  answer(context: EmitContext, parts: readonly ContentPart[], end: AnswerEnd): JsonObject;
  error(error: EmittedError): JsonObject;
  /** The turns of a request's body, read leniently. */
  turns(body: JsonObject): readonly Turn[];
}

/** The events of one streamed answer, as text that is written in one piece. */
export interface EventWriter {
  /** Events before the first content (a role, `message_start`). */
  start(): string;
  content(part: ContentPart): string;
  /** Finish reason and usage. */
  finish(end: AnswerEnd): string;
  /** The dialect's end marker; `''` where it has none. */
  end(): string;
  /** An event whose data is cut JSON. */
  malformed(): string;
  error(error: EmittedError): string;
}
