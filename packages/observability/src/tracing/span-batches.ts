import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace';
import type { Posted } from './span-post.js';
import type { TracingOptions } from './tracing.js';

export interface SpanBatchesOptions extends Pick<TracingOptions, 'onDrop' | 'onLost' | 'onBack'> {
  readonly post: (spans: readonly ReadableSpan[], closing: AbortSignal) => Promise<Posted>;
}

const MAX_WAITING = 4_096;
const BATCH = 512;
const AFTER_MS = 2_000;
const AFTER_FAILURE_MS = 5_000;
const CLOSE_WITHIN_MS = 3_000;

/** Spans wait in a bounded queue and leave in batches, one at a time; what there is no room for, and what is refused, is counted. */
export class SpanBatches implements SpanProcessor {
  readonly #options: SpanBatchesOptions;
  #waiting: ReadableSpan[] = [];
  #timer: NodeJS.Timeout | undefined;
  #posting: Promise<void> | undefined;
  #isLost = false;
  #closed = false;
  readonly #closing = new AbortController();

  constructor(options: SpanBatchesOptions) {
    this.#options = options;
  }

  onStart(): void {
    // Spans are finished when they are made.
  }

  onEnd(span: ReadableSpan): void {
    if (this.#closed || this.#waiting.length >= MAX_WAITING) {
      this.#options.onDrop(1, 'full');
      return;
    }
    this.#waiting.push(span);
    this.#schedule();
  }

  /** One try for all that waits. */
  async forceFlush(): Promise<void> {
    await this.#posting;
    await this.#drain(0);
  }

  async shutdown(): Promise<void> {
    await this.close();
  }

  /** Sends what waits, and gives it up after a time. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const timer = setTimeout(() => {
      this.#closing.abort(new Error('the process ends'));
    }, CLOSE_WITHIN_MS);
    await this.forceFlush();
    clearTimeout(timer);
    clearTimeout(this.#timer);
    if (this.#waiting.length > 0) this.#options.onDrop(this.#waiting.length, 'failed');
    this.#waiting = [];
  }

  #schedule(): void {
    if (this.#posting !== undefined || this.#closed) return;
    if (this.#waiting.length >= BATCH && !this.#isLost) {
      this.#begin(BATCH - 1);
      return;
    }
    this.#timer ??= setTimeout(
      () => {
        this.#timer = undefined;
        this.#begin(0);
      },
      this.#isLost ? AFTER_FAILURE_MS : AFTER_MS,
    ).unref();
  }

  #begin(leave: number): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#posting !== undefined) return;
    this.#posting = this.#drain(leave).finally(() => {
      this.#posting = undefined;
      if (this.#waiting.length > 0) this.#schedule();
    });
  }

  /** Posts batches until no more than so many are left, or one is not taken. */
  async #drain(leave: number): Promise<void> {
    while (this.#waiting.length > leave && !this.#closing.signal.aborted) {
      const batch = this.#waiting.slice(0, BATCH);
      const posted = await this.#options.post(batch, this.#closing.signal);
      // A batch that may be taken later stays where it was: the first of those that wait.
      if (posted.type !== 'away') this.#waiting = this.#waiting.slice(batch.length);
      if (posted.type === 'taken') {
        this.#told('back');
        continue;
      }
      if (posted.type === 'refused') this.#options.onDrop(batch.length, 'failed');
      this.#told('lost', posted.error);
      return;
    }
  }

  #told(state: 'lost' | 'back', error?: Error): void {
    const isLost = state === 'lost';
    if (isLost === this.#isLost) return;
    this.#isLost = isLost;
    if (error === undefined) this.#options.onBack();
    else this.#options.onLost(error);
  }
}
