import { LOCAL_PROVIDER, MoltbotError } from '@moltbot/contracts';
import type { LoadState, LocalModelEvent, UnloadReason } from '../model-state.js';
import type { ChatOrder } from './engine-protocol.js';
import type { ChatHandlers, ChatResult, Engine } from './start-engine.js';
import { Turns } from './turns.js';

export interface ModelSlotOptions {
  readonly name: string;
  readonly parallel: number;
  /** From the file to the loaded model; waits until there is room. @throws MoltbotError; the signal's reason */
  readonly open: (signal: AbortSignal) => Promise<Engine>;
  readonly onEvent: (event: LocalModelEvent) => void;
  /** Milliseconds that only grow. */
  readonly elapsed: () => number;
}

type Standing =
  | { readonly state: 'cold' }
  | { readonly state: 'loading'; readonly since: number; readonly done: Promise<void> }
  | { readonly state: 'warm'; readonly engine: Engine }
  | { readonly state: 'failed'; readonly error: MoltbotError; readonly retryAt: number };

const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 60_000;
/** A file that was wrong is looked at again no sooner: somebody has to mend it. */
const LOOK_AGAIN_MS = 5_000;

/** One local model: cold, loading, warm or failed, and the requests that wait for it. */
export class ModelSlot {
  readonly ref: string;
  readonly #options: ModelSlotOptions;
  readonly #turns: Turns;
  readonly #closed = new AbortController();
  #standing: Standing = { state: 'cold' };
  /** In a row, without a good answer between them. */
  #failures = 0;
  #loadMs: number | undefined;
  #lastUsed: number;
  #restart: NodeJS.Timeout | undefined;

  constructor(options: ModelSlotOptions) {
    this.#options = options;
    this.#turns = new Turns(options.parallel);
    this.#lastUsed = options.elapsed();
    this.ref = `${LOCAL_PROVIDER}:${options.name}`;
  }

  get state(): LoadState {
    const now = this.#options.elapsed();
    const standing = this.#standing;
    switch (standing.state) {
      case 'cold':
        return standing;
      case 'loading':
        return { state: 'loading', forMs: now - standing.since, expectedMs: this.#loadMs };
      case 'warm':
        return { state: 'warm', loadMs: this.#loadMs ?? 0, rss: standing.engine.rss };
      case 'failed':
        return { state: 'failed', error: standing.error, retryInMs: Math.max(0, standing.retryAt - now) };
    }
  }

  /** Milliseconds since somebody wanted it; 0 while somebody does. */
  get idleMs(): number {
    return this.#turns.isIdle ? this.#options.elapsed() - this.#lastUsed : 0;
  }

  get isIdle(): boolean {
    return this.#turns.isIdle;
  }

  /** Of the process that holds the model. */
  get pid(): number | undefined {
    return this.#standing.state === 'warm' ? this.#standing.engine.pid : undefined;
  }

  /**
   * Resolves when the model is warm; everybody waits for the same load.
   * @throws MoltbotError why it can't be loaded
   */
  async load(): Promise<void> {
    this.#lastUsed = this.#options.elapsed();
    const standing = this.#standing;
    if (standing.state === 'warm') return;
    if (standing.state === 'loading') return standing.done;
    if (standing.state === 'failed') {
      const wait = standing.retryAt - this.#options.elapsed();
      if (wait > 0) throw again(standing.error, wait);
    }
    return this.#start();
  }

  /** @throws MoltbotError of `load` and of `Engine.chat`; the signal's reason */
  async chat(order: ChatOrder, handlers: ChatHandlers, signal: AbortSignal): Promise<ChatResult> {
    await this.#turns.take(signal);
    try {
      await untilAborted(this.load(), signal);
      if (this.#standing.state !== 'warm') throw new MoltbotError('model_loading', undefined, { retryAfterMs: 1_000 });
      const result = await this.#standing.engine.chat(order, handlers, signal);
      this.#failures = 0;
      return result;
    } finally {
      this.#lastUsed = this.#options.elapsed();
      this.#turns.give();
    }
  }

  /** Gives its memory back; what is being answered breaks off. */
  async unload(reason: UnloadReason): Promise<void> {
    const standing = this.#standing;
    if (standing.state !== 'warm') return;
    this.#standing = { state: 'cold' };
    this.#options.onEvent({ type: 'unloaded', model: this.ref, reason });
    await standing.engine.close();
  }

  /** For good; what is being answered breaks off, or ends first where the model only changed. */
  async close(reason: 'changed' | 'closed'): Promise<void> {
    clearTimeout(this.#restart);
    if (reason === 'changed') await this.#turns.idle();
    this.#closed.abort(new MoltbotError('shutting_down'));
    clearTimeout(this.#restart);
    if (this.#standing.state === 'loading') await this.#standing.done.catch(() => {});
    await this.unload(reason);
  }

  async #start(): Promise<void> {
    this.#closed.signal.throwIfAborted();
    clearTimeout(this.#restart);
    const since = this.#options.elapsed();
    this.#options.onEvent({ type: 'loading', model: this.ref });
    const done = this.#open(since);
    this.#standing = { state: 'loading', since, done };
    return done;
  }

  async #open(since: number): Promise<void> {
    const { open, elapsed, onEvent } = this.#options;
    try {
      const engine = await open(this.#closed.signal);
      this.#loadMs = elapsed() - since;
      this.#lastUsed = elapsed();
      this.#standing = { state: 'warm', engine };
      onEvent({ type: 'warm', model: this.ref, loadMs: this.#loadMs, rss: engine.rss });
      void engine.ended.then(({ code, signal, stderr }) => {
        this.#ended(engine, signal ?? `exit code ${code}`, stderr);
      });
    } catch (error) {
      const reason = error instanceof MoltbotError ? error : unforeseen(error);
      this.#fail(reason);
      throw reason;
    }
  }

  #ended(engine: Engine, exit: string, stderr: string): void {
    // Unloaded on purpose: another standing by now.
    if (this.#standing.state !== 'warm' || this.#standing.engine !== engine) return;
    this.#options.onEvent({ type: 'crashed', model: this.ref, exit, stderr });
    const wait = this.#fail(new MoltbotError('model_load_failed', `The engine of ${this.ref} broke down (${exit}).`));
    // It was wanted: a later request shall find it warm.
    this.#restart = setTimeout(() => {
      this.load().catch(() => {});
    }, wait + 1).unref();
  }

  /** @returns when it may be tried again, in ms */
  #fail(error: MoltbotError): number {
    this.#failures += 1;
    const backoff = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** (this.#failures - 1));
    const retryInMs = error.retryable ? backoff : Math.max(backoff, LOOK_AGAIN_MS);
    this.#standing = { state: 'failed', error, retryAt: this.#options.elapsed() + retryInMs };
    if (!this.#closed.signal.aborted) this.#options.onEvent({ type: 'failed', model: this.ref, error, retryInMs });
    return retryInMs;
  }
}

function again(error: MoltbotError, retryAfterMs: number): MoltbotError {
  return new MoltbotError(error.code, error.message, { retryAfterMs: error.retryable ? retryAfterMs : undefined });
}

function unforeseen(error: unknown): MoltbotError {
  return new MoltbotError('model_load_failed', 'The local model could not be loaded.', { cause: error });
}

/** @throws the signal's reason, however long the work goes on */
export async function untilAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => {
    aborted.reject(signal.reason);
  };
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
