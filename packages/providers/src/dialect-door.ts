import type { AttemptSummary, ChatAnswer, ChatRequest, Dialect, ErrorCode, StreamPart } from '@moltbot/contracts';
import type { JsonObject } from './json-object.js';

/** A caller's dialect at our door, as pure functions: what came in, and how an answer or an error is said. */
export interface DialectDoor {
  readonly dialect: Dialect;
  /** The member of a body that holds the conversation. */
  readonly conversation: 'messages' | 'input';
  /**
   * A caller's body in our words: complete check of the shape.
   * @throws MoltbotError `invalid_request` with `param` (`messages.0.content`)
   */
  fromRequest(value: JsonObject): ChatRequest;
  /** Why only a model of this dialect can take such a body, where that is so: it names what is kept at the provider. */
  nativeOnly?(value: JsonObject): NativeOnly | undefined;
  toAnswer(answer: ChatAnswer, context: AnswerContext): JsonObject;
  createStreamWriter(context: AnswerContext): StreamWriter;
  /** The body of an error answer; official SDKs raise their typed exception from status and body. */
  toError(error: DoorError): JsonObject;
  /** A keep-alive that every SDK of the dialect ignores. */
  readonly keepAlive: string;
  /** Whether its streams can take back what they showed (`StreamWriter.segment`). */
  readonly replaces?: boolean;
}

export interface NativeOnly {
  readonly param: string;
  readonly message: string;
}

export interface AnswerContext {
  /** Id of the answer (`chatcmpl-…`, `msg_…`), derived from the request id. */
  readonly id: string;
  /** Unix seconds. */
  readonly created: number;
  /** The model that answers, `provider:model`. */
  readonly model: string;
  /** OpenAI chat: whether the caller asked for `stream_options.include_usage`. */
  readonly includeUsage: boolean;
  /** The estimate for Anthropic's `message_start`, which carries input tokens before they are known. */
  readonly estimatedInputTokens: number;
  /** What was asked, for dialects whose answers repeat it. */
  readonly asked?: { readonly value: JsonObject } | undefined;
}

export interface DoorError {
  readonly code: ErrorCode;
  readonly http: number;
  readonly message: string;
  readonly param?: string | undefined;
  readonly requestId: string;
  readonly attempts: readonly AttemptSummary[];
}

/** Says one answer as an event stream. Each method gives text that is written in one piece; `''` where there is nothing to say. */
export interface StreamWriter {
  write(parts: readonly StreamPart[]): string;
  /** The good end: finish reason, usage and end marker, whichever of them `write` has not said yet. */
  end(): string;
  /** An honest end in band: no finish reason `stop`, no end marker that reads as success. */
  error(error: DoorError): string;
  /**
   * Takes over a stream whose first events went out as the upstream's own bytes: the parts those events meant, so that what
   * follows fits (open blocks, indexes, the upstream's id and model).
   */
  resume(
    parts: readonly StreamPart[],
    upstream: {
      readonly id?: string | undefined;
      readonly model?: string | undefined;
      /** The text that went out so far, where another model goes on with it. */
      readonly shown?: string | undefined;
    },
  ): void;
  /** Another model writes what follows; `replaces`: in place of the text so far. Only dialects that say so at all have it. */
  segment?(segment: { readonly model: string; readonly replaces: boolean }): string;
}
