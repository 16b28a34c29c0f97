import type { ServerResponse } from 'node:http';
import type { Identity } from '@moltbot/auth';
import type { MoltbotError, RequestRecord, Usage } from '@moltbot/contracts';
import type { DialectDoor } from '@moltbot/providers';

/**
 * Where a response keeps its exchange, for what happens below Fastify: a request that is overdue or no HTTP. Not a WeakMap:
 * V8's scavenger takes the values of one for alive, and so each request with its body would wait for a full collection.
 */
const EXCHANGE = Symbol('exchange');

const NO_HEADERS: readonly string[] = [];

interface Exchanged extends ServerResponse {
  [EXCHANGE]?: Exchange;
}

/** One accepted request from its headers to its end. Ends exactly once, and the end is accounted. */
export class Exchange {
  readonly requestId: string;
  readonly door: DialectDoor;
  readonly operation: string;
  /** Unix time in ms. */
  readonly startedAt = Date.now();
  readonly #started = performance.now();
  readonly #abort = new AbortController();
  readonly #onEnd: (record: RequestRecord) => void;
  #interruption: MoltbotError | undefined;
  /** Its place among those that are running. */
  slot: number | undefined;
  identity: Identity | undefined;
  chain = '';
  stream = false;
  /** Of a limited caller's request, once it was let in. */
  limited: { end(): void } | undefined;
  /** How its caller stands, as names and values in turn: in every answer, also in a refusal. */
  limitHeaders = NO_HEADERS;
  #ended = false;
  #goneAt: number | undefined;

  constructor(options: {
    readonly requestId: string;
    readonly door: DialectDoor;
    readonly operation: string;
    readonly response: ServerResponse;
    readonly onEnd: (record: RequestRecord) => void;
  }) {
    this.requestId = options.requestId;
    this.door = options.door;
    this.operation = options.operation;
    this.#onEnd = options.onEnd;
    const response: Exchanged = options.response;
    response[EXCHANGE] = this;
    // 'close' without a finished answer: the caller left, and whatever runs upstream for it is cancelled.
    response.once('close', () => {
      this.#goneAt = performance.now();
      if (!response.writableFinished) this.#abort.abort();
    });
  }

  static of(response: ServerResponse): Exchange | undefined {
    const { [EXCHANGE]: exchange }: Exchanged = response;
    return exchange;
  }

  /** Fires when the caller goes away, or the request is cancelled. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Ends the upstream's work: the caller takes too long, or the answer failed on our side. */
  cancel(): void {
    this.#abort.abort();
  }

  /** Ends the upstream's work for a reason that the caller, who is still there, is told. */
  interrupt(reason: MoltbotError): void {
    this.#interruption ??= reason;
    this.#abort.abort();
  }

  /** What really ended the work: a cancelled engine only knows that it was cancelled. */
  causeOf(error: MoltbotError): MoltbotError {
    return error.code === 'client_closed' ? (this.#interruption ?? error) : error;
  }

  /** Since the request came. */
  get sinceStartMs(): number {
    return performance.now() - this.#started;
  }

  /** For how long its connection has been gone without it having ended. */
  get goneForMs(): number {
    return this.#ended || this.#goneAt === undefined ? 0 : performance.now() - this.#goneAt;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Unix seconds, for `created`. */
  get created(): number {
    return Math.floor(this.startedAt / 1_000);
  }

  end(outcome: {
    readonly outcome: 'complete' | 'rescued' | 'failed' | 'interrupted' | 'cancelled';
    readonly errorCode?: string | undefined;
    readonly firstContentMs?: number;
    readonly streamEnd?: string;
    readonly servedBy?: string | undefined;
    readonly attempts?: number;
    readonly usage?: Usage | undefined;
    readonly costMicros?: number | undefined;
  }): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#onEnd({
      requestId: this.requestId,
      startedAt: this.startedAt,
      durationMs: performance.now() - this.#started,
      operation: this.operation,
      dialect: this.door.dialect,
      chain: this.chain,
      apiKeyId: this.identity?.keyId,
      stream: this.stream,
      outcome: outcome.outcome,
      errorCode: outcome.errorCode,
      firstContentMs: outcome.firstContentMs,
      streamEnd: outcome.streamEnd,
      servedBy: outcome.servedBy,
      attempts: outcome.attempts ?? 0,
      usage: outcome.usage,
      costMicros: outcome.costMicros,
    });
  }
}
