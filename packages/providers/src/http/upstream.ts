import type { Readable } from 'node:stream';

/** One POST to a provider over a kept-alive connection. */
export interface PostOptions {
  readonly url: string;
  /** Lower-case names, credential included. */
  readonly headers: Readonly<Record<string, string>>;
  /** What is no Buffer is sent as it is read; `content-length` is among the headers then. Whoever gave it ends it. */
  readonly body: Buffer | Readable;
  readonly connectTimeoutMs: number;
  /** From the call to the response headers. */
  readonly headersTimeoutMs: number;
  /** Cancels at any time: the connection is closed at once. */
  readonly signal: AbortSignal;
}

/** Sends requests to one provider (one pool per origin, proxy settings applied). */
export interface UpstreamClient {
  /**
   * Resolves when the response headers are there, whatever the status.
   * @throws ProviderError `connect-timeout`, `response-timeout`, `unreachable`, `reset`, `cancelled`
   */
  post(options: PostOptions): Promise<UpstreamResponse>;
  /** A GET with the same rules, for lists of models. */
  get(options: Omit<PostOptions, 'body'>): Promise<UpstreamResponse>;
  close(): Promise<void>;
}

export interface UpstreamResponse {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /**
   * The next piece of the body, `undefined` at its end. Synchronous where one waits already. Reading slowly pauses the socket:
   * at most about 256 KiB are held.
   * @throws ProviderError `stream-cut`, `cancelled`
   */
  next(): Buffer | undefined | Promise<Buffer | undefined>;
  /**
   * The whole body.
   * @throws ProviderError `not-an-answer` beyond `limit` bytes, `reset`-like faults as `stream-cut`, `response-timeout` after `timeoutMs`
   */
  whole(options: { readonly limit: number; readonly timeoutMs: number }): Promise<Buffer>;
  /** Closes the connection without reading on. */
  cancel(): void;
}
