import type { Dispatcher } from 'undici';
import { ProviderError } from '../failure.js';
import { type ExchangePhase, failureOfSocket } from './failure-of-socket.js';
import type { PostOptions, UpstreamResponse } from './upstream.js';

/** The socket is paused when this much waits to be read, and read on when little is left. */
const HELD_HIGH = 128 * 1_024;
const HELD_LOW = 32 * 1_024;
/** Waiting pieces are handed out together up to this size: one frame costs less than many. */
const LARGEST_PIECE = 64 * 1_024;

const NOTHING: readonly Buffer[] = [];

export interface ExchangeOptions extends Pick<PostOptions, 'connectTimeoutMs' | 'headersTimeoutMs' | 'signal'> {
  /** Whether every connection of the pool is answering something else: then it is no fault of the upstream's. */
  isSaturated(): boolean;
}

/**
 * One request and its response on undici's dispatch. Time limits are our own timers: undici's are accurate to half a second.
 */
export class Exchange implements Dispatcher.DispatchHandler, UpstreamResponse {
  status = 0;
  headers: UpstreamResponse['headers'] = {};
  /** Resolves when the response headers are there. */
  readonly response: Promise<UpstreamResponse>;

  readonly #options: ExchangeOptions;
  #resolve: (response: UpstreamResponse) => void = () => {};
  #reject: (error: ProviderError) => void = () => {};
  #phase: ExchangePhase | 'over' = 'connecting';
  #failure: ProviderError | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #connectTimer: NodeJS.Timeout | undefined;
  #timer: NodeJS.Timeout | undefined;
  #chunks: Buffer[] = [];
  #held = 0;
  #wake: (() => void) | undefined;
  /** No object with `handleEvent`: one that was a listener outlives V8's scavenges, and its request's body with it. */
  readonly #onAbort = (): void => this.#abort(cancelled());

  constructor(options: ExchangeOptions) {
    this.#options = options;
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Hands itself to `dispatch` and starts the clocks. */
  start(dispatch: (handler: Dispatcher.DispatchHandler) => void): Promise<UpstreamResponse> {
    const { signal, connectTimeoutMs, headersTimeoutMs } = this.#options;
    if (signal.aborted) {
      this.#fail(cancelled());
      return this.response;
    }
    signal.addEventListener('abort', this.#onAbort);
    this.#timer = setTimeout(onHeadersLate, headersTimeoutMs, this);
    dispatch(this);
    if (this.#phase === 'connecting') this.#connectTimer = setTimeout(onConnectLate, connectTimeoutMs, this);
    return this.response;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#failure !== undefined) {
      controller.abort(this.#failure);
      return;
    }
    this.#controller = controller;
    this.#phase = 'sent';
    clearTimeout(this.#connectTimer);
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: UpstreamResponse['headers'],
  ): void {
    // 100 to 199 are notes on the way.
    if (status < 200 || this.#phase !== 'sent') return;
    this.#phase = 'body';
    clearTimeout(this.#timer);
    this.status = status;
    this.headers = headers;
    this.#resolve(this);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#phase !== 'body') return;
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    if (this.#held >= HELD_HIGH) controller.pause();
    this.#wakeReader();
  }

  onResponseEnd(): void {
    if (this.#phase !== 'body') return;
    this.#finish();
    this.#wakeReader();
  }

  onResponseError(controller: Dispatcher.DispatchController | null, error: Error): void {
    const failed = this.#phase === 'over' ? undefined : failureOfSocket(error, this.#phase);
    if (failed === undefined) return;
    this.#fail(failed);
    // Where the error is our reading of a response (a proxy's 407) the connection is still open.
    controller?.abort(failed);
  }

  next(): Buffer | undefined | Promise<Buffer | undefined> {
    if (this.#chunks.length > 0) return this.#take();
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#phase === 'over') return undefined;
    // What is there is only taken when the reader runs: by then all pieces of the same read have come.
    const pending = new Promise<void>((resolve) => {
      this.#wake = resolve;
    }).then(() => this.next());
    // A reader that cancels may have turned away from what it waited for.
    pending.catch(ignore);
    return pending;
  }

  async whole(options: { readonly limit: number; readonly timeoutMs: number }): Promise<Buffer> {
    const pieces: Buffer[] = [];
    let length = 0;
    this.#timer = setTimeout(onAnswerLate, options.timeoutMs, this);
    try {
      for (;;) {
        const next = this.next();
        const piece = next instanceof Promise ? await next : next;
        if (piece === undefined) break;
        length += piece.length;
        if (length > options.limit) throw tooLarge(options.limit);
        pieces.push(piece);
      }
    } catch (error) {
      this.cancel();
      throw error;
    } finally {
      clearTimeout(this.#timer);
    }
    return pieces.length === 1 ? (pieces[0] ?? Buffer.alloc(0)) : Buffer.concat(pieces, length);
  }

  cancel(): void {
    this.#abort(cancelled());
  }

  /** Ends the exchange with this failure and closes the connection at once. */
  #abort(error: ProviderError): void {
    this.#chunks = [];
    this.#held = 0;
    if (this.#phase === 'over') return;
    this.#fail(error);
    this.#controller?.abort(error);
  }

  #fail(error: ProviderError): void {
    this.#failure = error;
    const reject = this.#phase !== 'body';
    this.#finish();
    if (reject) this.#reject(error);
    this.#wakeReader();
  }

  #finish(): void {
    this.#phase = 'over';
    clearTimeout(this.#timer);
    clearTimeout(this.#connectTimer);
    this.#options.signal.removeEventListener('abort', this.#onAbort);
  }

  #take(): Buffer {
    let waiting: readonly Buffer[] = this.#chunks;
    this.#chunks = [];
    let length = this.#held;
    if (length > LARGEST_PIECE && waiting.length > 1) {
      let count = 0;
      length = 0;
      do {
        length += waiting[count]?.length ?? 0;
        count += 1;
      } while (length + (waiting[count]?.length ?? 0) <= LARGEST_PIECE);
      this.#chunks = waiting.slice(count);
      waiting = waiting.slice(0, count);
    }
    const piece = waiting.length === 1 ? waiting[0] : undefined;
    const taken = piece ?? Buffer.concat(waiting ?? NOTHING, length);
    this.#held -= length;
    if (this.#held <= HELD_LOW && this.#controller?.paused === true) this.#controller.resume();
    return taken;
  }

  #wakeReader(): void {
    const wake = this.#wake;
    if (wake === undefined) return;
    this.#wake = undefined;
    wake();
  }

  connectLate(): void {
    if (this.#phase !== 'connecting' || this.#options.isSaturated()) return;
    this.#abort(new ProviderError('connect-timeout', 'The connection did not open in time.'));
  }

  late(what: string): void {
    const waited = this.#phase === 'connecting' && this.#options.isSaturated();
    this.#abort(
      waited
        ? new ProviderError('unfit', 'Every connection to the provider is in use.')
        : new ProviderError('response-timeout', `The ${what} did not come in time.`),
    );
  }
}

function ignore(): void {}

function onConnectLate(exchange: Exchange): void {
  exchange.connectLate();
}

function onHeadersLate(exchange: Exchange): void {
  exchange.late('response headers');
}

function onAnswerLate(exchange: Exchange): void {
  exchange.late('whole answer');
}

function cancelled(): ProviderError {
  return new ProviderError('cancelled', 'The request was cancelled.');
}

export function tooLarge(limit: number): ProviderError {
  return new ProviderError('not-an-answer', `The response is larger than ${limit} bytes.`);
}
