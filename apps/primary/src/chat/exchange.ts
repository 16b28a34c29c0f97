import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Identity } from '@moltbot/auth';
import type { RequestRecord, Usage } from '@moltbot/contracts';
import type { DialectDoor } from '@moltbot/providers';

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
  identity: Identity | undefined;
  chain = '';
  stream = false;
  #ended = false;

  constructor(options: {
    readonly requestId: string;
    readonly door: DialectDoor;
    readonly operation: string;
    readonly request: IncomingMessage;
    readonly response: ServerResponse;
    readonly onEnd: (record: RequestRecord) => void;
  }) {
    this.requestId = options.requestId;
    this.door = options.door;
    this.operation = options.operation;
    this.#onEnd = options.onEnd;
    const { response } = options;
    // 'close' without a finished answer: the caller left, and whatever runs upstream for it is cancelled.
    response.once('close', () => {
      if (!response.writableFinished) this.#abort.abort();
    });
  }

  /** Fires when the caller goes away. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Ends the upstream's work: the caller takes too long, or the process stops. */
  cancel(): void {
    this.#abort.abort();
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
      servedBy: outcome.servedBy,
      attempts: outcome.attempts ?? 0,
      usage: outcome.usage,
      costMicros: outcome.costMicros,
    });
  }
}
