import type { Usage } from '@moltbot/contracts';
import { type FailureKind, ProviderError } from '../failure.js';
import type { UpstreamResponse } from '../http/upstream.js';
import type { Frame, StreamReader } from '../wire.js';
import { estimatedTokens } from './price.js';
import { StreamDeadline, type Waiting } from './stream-deadline.js';
import { StreamTally } from './stream-tally.js';
import type { TargetCall } from './try-model.js';

/** How long a stream that has finished may keep its connection open for usage and end marker. */
const LINGER_MS = 2_000;
/** Events without content that are kept until the first content comes. */
const MOST_BEFORE_CONTENT = 1_048_576;

export interface OpenStreamOptions {
  readonly call: TargetCall;
  readonly response: UpstreamResponse;
  readonly reader: StreamReader;
  /** On the clock of `elapsed`. */
  readonly firstContentDueAt: number;
  readonly dropped: readonly string[];
  readonly estimatedInputTokens: number;
}

/** One upstream's stream: its frames in order, under the time limits of its chain. Reads only when it is asked to. */
export class OpenStream implements Waiting {
  readonly call: TargetCall;
  readonly dropped: readonly string[];
  readonly tally = new StreamTally();
  readonly #options: OpenStreamOptions;
  readonly #deadline: StreamDeadline;
  readonly #elapsed: () => number;
  /** Frames read before somebody asked: those up to the first content. */
  #ready: Frame[] = [];
  /** Good frames came before it in the same chunk: it is thrown at the next read. */
  #failure: ProviderError | undefined;
  #over = false;
  #waitingSince: number | undefined;
  /** Time spent waiting since the last content; time that our own reader takes does not count. */
  #idleMs = 0;
  #longestGapMs = 0;
  #finishedAt = 0;
  #late: FailureKind | undefined;

  constructor(options: OpenStreamOptions) {
    this.#options = options;
    this.call = options.call;
    this.dropped = options.dropped;
    this.#elapsed = options.call.run.parts.elapsed;
    this.#deadline = new StreamDeadline(this.#elapsed, this);
  }

  /**
   * Reads on to the first content, or to the end of an answer that has none.
   * @throws ProviderError every failure before it
   */
  async untilContent(): Promise<void> {
    const frames: Frame[] = [];
    let bytes = 0;
    try {
      while (!this.tally.hasContent) {
        const read = this.read();
        const frame = read instanceof Promise ? await read : read;
        if (frame === undefined) break;
        bytes += frame.bytes.length;
        if (bytes > MOST_BEFORE_CONTENT && !this.tally.hasContent) {
          throw new ProviderError('not-an-answer', 'The stream goes on without any content');
        }
        if (frame.bytes.length > 0 || frame.parts.length > 0) frames.push(frame);
      }
    } catch (error) {
      this.cancel();
      throw error;
    }
    this.#ready = frames;
  }

  /**
   * The next frame, `undefined` after a good end. A frame may be empty.
   * @throws ProviderError what broke the stream; it is over then
   */
  read(): Frame | undefined | Promise<Frame | undefined> {
    const ready = this.#ready.shift();
    if (ready !== undefined) return ready;
    if (this.#failure !== undefined) throw this.#fail(this.#failure);
    if (this.#over) return undefined;
    let chunk: Buffer | undefined | Promise<Buffer | undefined>;
    try {
      chunk = this.#options.response.next();
    } catch (error) {
      return this.#broken(error);
    }
    if (chunk instanceof Promise) return this.#wait(chunk);
    // Who always finds something to read never waits, and no timer runs.
    if (this.#options.call.run.budget.over) return this.#pastDeadline();
    return this.#take(chunk);
  }

  /** The longest wait between two contents, the one that runs included. */
  get longestGapMs(): number {
    return this.tally.hasContent ? Math.max(this.#longestGapMs, this.#idleMs) : 0;
  }

  /** Closes the upstream's connection. */
  cancel(): void {
    this.#over = true;
    this.#deadline.clear();
    this.#options.response.cancel();
  }

  /** As reported; estimated where nothing was reported or the stream broke off before the report was final. */
  usage(complete: boolean): Usage {
    const { usage, bytes } = this.tally;
    if (complete && usage !== undefined) return usage;
    return {
      inputTokens: usage?.inputTokens ?? this.#options.estimatedInputTokens,
      outputTokens: Math.max(usage?.outputTokens ?? 0, estimatedTokens(bytes)),
      cachedInputTokens: usage?.cachedInputTokens,
      cacheWriteTokens: usage?.cacheWriteTokens,
      source: 'estimated',
    };
  }

  dueAt(): number | undefined {
    if (this.#waitingSince === undefined) return undefined;
    const { call, firstContentDueAt, reader } = this.#options;
    const { deadlineAt } = call.run.budget;
    if (reader.finished) return Math.min(deadlineAt, this.#finishedAt + LINGER_MS);
    if (!this.tally.hasContent) return Math.min(deadlineAt, firstContentDueAt);
    return Math.min(deadlineAt, this.#waitingSince + call.run.plan.timeouts.gap - this.#idleMs);
  }

  late(): void {
    const { call, reader } = this.#options;
    if (!reader.finished) {
      if (call.run.budget.over) this.#late = 'cancelled';
      else this.#late = this.tally.hasContent ? 'stream-stalled' : 'first-content-late';
    }
    this.#options.response.cancel();
  }

  async #wait(pending: Promise<Buffer | undefined>): Promise<Frame | undefined> {
    const since = this.#elapsed();
    this.#waitingSince = since;
    this.#deadline.expect(this.dueAt() ?? since, since);
    let chunk: Buffer | undefined;
    try {
      chunk = await pending;
    } catch (error) {
      this.#idleMs += this.#elapsed() - since;
      return this.#broken(error);
    } finally {
      this.#waitingSince = undefined;
    }
    this.#idleMs += this.#elapsed() - since;
    return this.#take(chunk);
  }

  #take(chunk: Buffer | undefined): Frame | undefined {
    const { reader } = this.#options;
    if (chunk === undefined) return this.#ended();
    let frame: Frame;
    try {
      frame = reader.read(chunk);
    } catch (error) {
      frame = reader.takePending();
      // The answer was whole: what comes after it can't spoil it.
      if (reader.finished) this.cancel();
      else if (frame.bytes.length === 0 && frame.parts.length === 0) throw this.#fail(asFailure(error));
      else this.#failure = asFailure(error);
    }
    const began = this.tally.hasContent;
    if (frame.parts.length > 0 && this.tally.add(frame.parts)) {
      if (began) this.#longestGapMs = this.longestGapMs;
      this.#idleMs = 0;
    }
    if (!reader.finished) this.#finishedAt = 0;
    else if (!this.#over) {
      if (this.tally.ended) this.#finish();
      else if (this.#finishedAt === 0) this.#finishedAt = this.#elapsed();
    }
    return frame;
  }

  #ended(): undefined {
    if (this.#options.reader.finished) {
      this.#over = true;
      this.#deadline.clear();
      return undefined;
    }
    throw this.#fail(
      this.tally.hasContent
        ? new ProviderError('stream-unfinished', 'The stream ended without its finish marker')
        : new ProviderError('not-an-answer', 'The stream ended without an answer'),
    );
  }

  #pastDeadline(): undefined {
    if (this.#options.reader.finished) {
      this.cancel();
      return undefined;
    }
    throw this.#fail(new ProviderError('cancelled', 'The deadline has passed'));
  }

  /** The connection failed, or we closed it. */
  #broken(error: unknown): undefined {
    const { run } = this.#options.call;
    const late = this.#late;
    if (late === undefined && this.#options.reader.finished && !run.signal.aborted) {
      this.cancel();
      return undefined;
    }
    throw this.#fail(late === undefined ? asFailure(error) : new ProviderError(late, `The stream is late (${late})`));
  }

  #fail(failure: ProviderError): ProviderError {
    this.cancel();
    return failure;
  }

  /** The answer is whole. What is left of the body is read in the background, so that the connection can be used again. */
  #finish(): void {
    this.#over = true;
    this.#deadline.clear();
    void drain(this.#options.response);
  }
}

async function drain(response: UpstreamResponse): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  try {
    for (;;) {
      const next = response.next();
      if (next instanceof Promise) timer ??= setTimeout(() => response.cancel(), LINGER_MS).unref();
      if ((next instanceof Promise ? await next : next) === undefined) break;
    }
  } catch {
    // The answer was whole: how its connection ends matters to nobody.
  } finally {
    clearTimeout(timer);
  }
}

function asFailure(error: unknown): ProviderError {
  if (error instanceof ProviderError) return error;
  return new ProviderError('stream-malformed', 'The stream could not be read', { cause: error });
}
