import type { ChatAnswer, ChatRequest, Dialect, StreamPart, Usage } from '@moltbot/contracts';
import type { CallerRequest } from './caller-request.js';
import type { ProviderError } from './failure.js';

/**
 * A wire is one provider API as pure functions: what to send, and what the bytes that come back mean. No IO, no clock, no
 * credential. A vendor is a wire plus an address and a way to send the key (`catalogue.ts`).
 */
export interface ChatWire {
  readonly dialect: Dialect;
  /** Translates our words; names in `dropped` are the caller's fields (dotted, our names in snake_case) that the API can't take. */
  toRequest(turn: ChatTurn): UpstreamRequest;
  /**
   * The caller's own bytes with only what is ours rewritten (model, our extension fields, the ask for usage). Called only
   * where `call.dialect` is this dialect and nothing has to be continued.
   */
  passRequest(call: CallerRequest, options: TurnOptions): UpstreamRequest;
  /** A reader for one streamed answer. */
  createStreamReader(options: StreamReaderOptions): StreamReader;
  /**
   * A whole answer.
   * @throws ProviderError `not-an-answer`, or what the error object in a 200 says
   */
  fromAnswer(body: Buffer): WholeAnswer;
  /** Any non-2xx response. `body` may be cut, empty or no JSON. */
  fromError(response: ErrorResponse): ProviderError;
}

export interface TurnOptions {
  /** The model's name at the provider. */
  readonly model: string;
  readonly stream: boolean;
  /** Ask for token counts at the end of a stream. */
  readonly streamUsage: boolean;
  /** Where the API demands a limit and the caller gave none. */
  readonly defaultMaxOutputTokens: number;
}

export interface ChatTurn extends TurnOptions {
  readonly request: ChatRequest;
  /** An answer that broke off: `prefill` makes the last assistant message `text`; `continue` asks in a user turn to go on. */
  readonly continuation?: { readonly rung: 'prefill' | 'continue'; readonly text: string } | undefined;
}

export interface UpstreamRequest {
  /** Appended to the provider's base URL: `/chat/completions`. */
  readonly path: string;
  readonly body: Buffer;
  /** Headers of the wire itself (`anthropic-version`), lower case; never a credential. */
  readonly headers: Readonly<Record<string, string>>;
  /** Caller's fields that this API can't take. */
  readonly dropped: readonly string[];
}

export interface StreamReaderOptions {
  /** How many choices were asked for, where the dialect can give several: the answer is whole when each is. 1 where not given. */
  readonly choices?: number | undefined;
  /** Whether the caller is shown usage; where not, a chunk that holds nothing else is left out of `bytes`. */
  readonly keepUsage: boolean;
}

/**
 * Reads an upstream's event stream as its chunks arrive. An event cut by a chunk's end waits for the next one, bounded
 * (1 MiB an event), else `stream-malformed`.
 */
export interface StreamReader {
  /** @throws ProviderError on a malformed event or an error event; frames before it in the chunk are in `error.cause`'s stead: see `takePending` */
  read(chunk: Buffer): Frame;
  /**
   * Events of the last chunk that came whole before the one that `read` threw on, or an empty frame. They were good and belong
   * to the answer.
   */
  takePending(): Frame;
  /** Whether the dialect's finish marker has been seen: an end of the connection is then a good end. */
  readonly finished: boolean;
}

/** Whole events: their bytes as they came and what they say. */
export interface Frame {
  /** In the wire's own dialect; ready to be passed to a caller of that dialect. May be empty while `parts` is not. */
  readonly bytes: Buffer;
  readonly parts: readonly StreamPart[];
}

export interface WholeAnswer {
  /** The body as it came. */
  readonly bytes: Buffer;
  readonly usage: Usage | undefined;
  /** The answer in our words, computed when asked for. */
  answer(): ChatAnswer;
}

export interface ErrorResponse {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
  /** Unix time in ms, for a Retry-After that is a date. */
  readonly now: number;
}

/** Embeddings: OpenAI's dialect on both sides, Gemini by translation. */
export interface EmbeddingsWire {
  toRequest(options: {
    readonly value: Readonly<Record<string, unknown>>;
    readonly bytes: Buffer;
    readonly model: string;
  }): UpstreamRequest;
  /** @returns the body in OpenAI's dialect. @throws ProviderError `not-an-answer` */
  fromAnswer(options: {
    readonly body: Buffer;
    readonly encoding: 'float' | 'base64';
    /** For APIs whose answer does not say which model it is of. */
    readonly model: string;
  }): {
    /** How many texts were embedded. */
    readonly count: number;
    readonly bytes: Buffer;
    readonly usage: Usage | undefined;
  };
}

/** Counting tokens without an answer. */
export interface CountTokensWire {
  toRequest(options: { readonly request: ChatRequest; readonly model: string }): UpstreamRequest;
  fromAnswer(body: Buffer): number;
}
