import { MoltbotError, type StreamPart, type Usage } from '@moltbot/contracts';
import { type FailureKind, ProviderError } from '../failure.js';
import type { Frame } from '../wire.js';
import type { ChainRun } from './chain-run.js';
import { FAILURE_TABLE } from './classify.js';
import type { EngineCall } from './engine.js';
import type { OpenStream } from './open-stream.js';
import { addUsage, costMicros } from './price.js';
import { type Rescued, rescue } from './rescue.js';
import type { Seam } from './seam.js';
import { ShownText } from './shown-text.js';
import type { Served, ServedFrame, ServedStream, StreamResult } from './served.js';

export interface AnswerStreamOptions {
  readonly run: ChainRun;
  readonly options: EngineCall;
  /** Its first content is there. */
  readonly first: OpenStream;
}

type Step = IteratorResult<ServedFrame, undefined>;

const OVER: Step = { done: true, value: undefined };

/**
 * A committed answer as it is read: the first model's frames, and, where that breaks off, those of the models that go on with
 * it. Ends only when the answer is whole; every other end is thrown.
 */
export class AnswerStream implements ServedStream, AsyncIterable<ServedFrame>, AsyncIterator<ServedFrame, undefined> {
  readonly model: ServedStream['model'];
  readonly credential: string;
  readonly attempts: Served['attempts'];
  readonly fallback: Served['fallback'];
  readonly dropped: readonly string[];
  readonly sameDialect: boolean;
  readonly #run: ChainRun;
  readonly #options: EngineCall;
  #source: OpenStream;
  #sourceOpen = true;
  /** How the present source is joined to what was shown; undefined for the first one. */
  #seam: Seam | undefined;
  /** Frames that are ready to be handed out, from `#next` on. */
  #ready: ServedFrame[] = [];
  /** What the caller has: the first source's own tally, until another source is joined to it. */
  #shown: ShownText;
  #spans: { readonly target: string; readonly length: number }[] = [];
  #usage: Usage | undefined;
  #costMicros: number | undefined;
  #outcome: StreamResult['outcome'] | undefined;
  #end: StreamResult['end'] = 'complete';

  /** The caller's signal: also where nobody reads at the moment. No object with `handleEvent`: see `Exchange`. */
  readonly #onAbort = (): void => {
    if (this.#outcome !== undefined) return;
    this.#source.cancel();
    this.#settle('cancelled', 'cancelled');
  };

  constructor({ run, options, first }: AnswerStreamOptions) {
    const { model, payer } = first.call;
    const served = run.served(model, payer, first.dropped);
    this.model = served.model;
    this.credential = served.credential;
    this.attempts = served.attempts;
    this.fallback = served.fallback;
    this.dropped = served.dropped;
    this.sameDialect = options.call.dialect === model.dialect;
    this.#run = run;
    this.#options = options;
    this.#source = first;
    this.#shown = first.tally.shown;
    if (run.signal.aborted) this.#onAbort();
    else run.signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  get frames(): AsyncIterable<ServedFrame> {
    return this;
  }

  [Symbol.asyncIterator](): AsyncIterator<ServedFrame, undefined> {
    return this;
  }

  next(): Promise<Step> {
    try {
      const step = this.#step();
      if (step === undefined) return this.#ended();
      return step instanceof Promise ? this.#later(step) : Promise.resolve(step);
    } catch (error) {
      return this.#goOn(error);
    }
  }

  /** Reads on to what the caller gets, or to where it has to be waited for; undefined at the end. */
  #step(): Step | Promise<Frame | undefined> | undefined {
    for (;;) {
      const ready = this.#ready.shift();
      if (ready !== undefined) return { done: false, value: ready };
      if (this.#outcome !== undefined) return undefined;
      const frame = this.#source.read();
      if (frame instanceof Promise) return frame;
      const served = this.#take(frame);
      if (served !== undefined) return { done: false, value: served };
    }
  }

  /** The reader leaves before the end. */
  async return(): Promise<Step> {
    if (this.#outcome === undefined) {
      this.#source.cancel();
      this.#settle('cancelled', 'cancelled');
    }
    return OVER;
  }

  result(): StreamResult {
    return {
      usage: this.#usage,
      costMicros: this.#costMicros,
      spans: this.#spans,
      attempts: this.#run.attempts.slice(),
      outcome: this.#outcome ?? 'interrupted',
      end: this.#outcome === 'cancelled' ? 'cancelled' : this.#end,
    };
  }

  async #later(pending: Promise<Frame | undefined>): Promise<Step> {
    let waiting = pending;
    try {
      // In a loop: what comes byte by byte is waited for a million times before it says anything.
      for (;;) {
        const frame = await waiting;
        const served = this.#outcome === undefined ? this.#take(frame) : undefined;
        if (served !== undefined) return { done: false, value: served };
        const step = this.#step();
        if (step === undefined) break;
        if (!(step instanceof Promise)) return step;
        waiting = step;
      }
    } catch (error) {
      return await this.#goOn(error);
    }
    return await this.#ended();
  }

  /** What the caller gets of a frame; undefined where that is nothing. */
  #take(frame: Frame | undefined): ServedFrame | undefined {
    if (frame === undefined) return this.#complete();
    if (this.#seam !== undefined) {
      const parts = this.#seam.take(frame.parts);
      const joined = this.#joined(parts);
      if (this.#isSpoiled(parts)) throw this.#spoil();
      return joined;
    }
    if (this.sameDialect) return frame.bytes.length > 0 || frame.parts.length > 0 ? frame : undefined;
    return frame.parts.length === 0 ? undefined : { bytes: undefined, parts: this.#withUsage(frame.parts) };
  }

  /** Where a provider reports no usage, ours is said before the end. */
  #withUsage(parts: readonly StreamPart[]): readonly StreamPart[] {
    const { tally } = this.#source;
    if (!tally.ended || tally.usage !== undefined) return parts;
    const end = parts.findIndex((part) => part.type === 'end');
    return parts.toSpliced(end, 0, { type: 'usage', usage: this.#source.usage(true) });
  }

  #joined(parts: readonly StreamPart[]): ServedFrame | undefined {
    for (const part of parts) if (part.type === 'text-delta') this.#shown.add(part.text);
    return parts.length === 0 ? undefined : { bytes: undefined, parts };
  }

  /** Whether halves of JSON that two models wrote, and that were said to be whole, are none together. */
  #isSpoiled(parts: readonly StreamPart[]): boolean {
    if (!parts.some((part) => part.type === 'finish' && part.reason === 'stop')) return false;
    const form = this.#options.call.request().responseFormat?.type ?? 'text';
    return form !== 'text' && !isJson(this.#shown.text ?? '');
  }

  /** Nobody can mend it: it ends honestly. */
  #spoil(): ProviderError {
    this.#source.cancel();
    this.#source.tally.hasUncontinuable = true;
    return new ProviderError('stream-malformed', 'The joined answer is not the JSON that was asked for');
  }

  #complete(): ServedFrame | undefined {
    const { tally } = this.#source;
    const rest = this.#seam === undefined ? undefined : this.#joined(this.#seam.end());
    const rescued = this.#seam !== undefined;
    this.#settle('ok', rescued ? 'rescued' : 'complete');
    if (!rescued && tally.ended) return undefined;
    // The upstream's end marker did not come, or belongs to another model's stream: it is said in our words.
    const usage = rescued || tally.usage === undefined ? this.#usage : undefined;
    const parts: StreamPart[] = usage === undefined ? [{ type: 'end' }] : [{ type: 'usage', usage }, { type: 'end' }];
    const last: ServedFrame = { bytes: undefined, parts };
    if (rest === undefined) return last;
    this.#ready.push(last);
    return rest;
  }

  /** The present source is over: its attempt, its span and its cost are written down. */
  #closeSource(outcome: string): void {
    if (!this.#sourceOpen) return;
    this.#sourceOpen = false;
    const source = this.#source;
    const { model, log, ticket } = source.call;
    const usage = source.usage(outcome === 'ok');
    log.longestGapMs = source.longestGapMs;
    log.finishReason = source.tally.finishReason;
    log.end(outcome, usage);
    if (outcome === 'ok') this.#run.parts.breaker.succeeded(ticket);
    this.#usage = addUsage(this.#usage, usage);
    const cost = costMicros(usage, model.price);
    if (cost !== undefined) this.#costMicros = (this.#costMicros ?? 0) + cost;
    const before = this.#spans.reduce((sum, span) => sum + span.length, 0);
    this.#spans.push({ target: model.ref, length: this.#shown.length - before });
  }

  #settle(attempt: string, outcome: StreamResult['outcome']): void {
    if (this.#outcome !== undefined) return;
    this.#run.signal.removeEventListener('abort', this.#onAbort);
    this.#closeSource(attempt);
    this.#outcome = outcome;
  }

  async #ended(): Promise<Step> {
    if (this.#outcome === 'cancelled' && !this.#run.alive) throw this.#run.endedError();
    return OVER;
  }

  /** The source broke. @throws MoltbotError where nobody can go on */
  async #goOn(error: unknown): Promise<Step> {
    const failure = asFailure(error);
    if (this.#outcome !== undefined) return await this.#ended();
    if (!this.#run.alive) {
      this.#end = 'cut';
      this.#settle('cancelled', this.#run.signal.aborted ? 'cancelled' : 'interrupted');
      throw this.#run.endedError();
    }
    const { model, payer, token, ticket, log } = this.#source.call;
    const { breaker, health } = this.#run.parts;
    breaker.failed(ticket, failure.kind);
    health.failed({ payer, model, startedAt: log.startedAt, error: failure, token });
    this.#run.note({ cause: 'called', model, error: failure });
    this.#closeSource(failure.kind);
    const rescued = await this.#rescue(failure.kind);
    if (rescued === undefined) return this.#interrupted(failure.kind);
    if (this.#left()) {
      // The caller went away in the very moment.
      rescued.stream.cancel();
      rescued.stream.call.log.end('cancelled', rescued.stream.usage(false));
      return await this.#ended();
    }
    this.#source = rescued.stream;
    this.#sourceOpen = true;
    this.#seam = rescued.seam;
    this.#end = rescued.replaces || this.#end === 'replaced' ? 'replaced' : 'joined';
    const shown = this.#shown.text ?? '';
    if (rescued.replaces) {
      // Nothing of it is in the answer any more: the ledger has it, the caller's account does not.
      this.#shown = new ShownText();
      this.#spans = [];
      this.#usage = undefined;
      this.#costMicros = undefined;
    }
    const first = this.#joined(rescued.parts);
    if (this.#isSpoiled(rescued.parts)) return await this.#goOn(this.#spoil());
    const { rung, replaces } = rescued;
    const segment = { model: rescued.stream.call.model, rung, reason: failure.kind, shown, replaces };
    return { done: false, value: { bytes: undefined, parts: first?.parts ?? [], segment } };
  }

  /** Whether it is over; may have changed during any wait. */
  #left(): boolean {
    return this.#outcome !== undefined;
  }

  async #rescue(reason: FailureKind): Promise<Rescued | undefined> {
    const shown = this.#shown.text;
    if (FAILURE_TABLE[reason].afterCommit !== 'rescue' || shown === undefined) return undefined;
    try {
      return await rescue({
        run: this.#run,
        options: this.#options,
        broken: this.#source,
        continuable: !this.#source.tally.hasUncontinuable,
        shown,
      });
    } catch (error) {
      this.#run.signal.removeEventListener('abort', this.#onAbort);
      this.#outcome = this.#run.signal.aborted ? 'cancelled' : 'interrupted';
      this.#end = endOf(reason);
      throw error;
    }
  }

  #interrupted(reason: FailureKind): never {
    this.#run.signal.removeEventListener('abort', this.#onAbort);
    this.#outcome = 'interrupted';
    this.#end = endOf(reason);
    const attempts = this.#run.attempts.slice();
    const { ref } = this.#source.call.model;
    throw new MoltbotError(
      'stream_interrupted',
      `The answer of ${ref} broke off (${reason}) and no model could go on`,
      {
        attempts,
      },
    );
  }
}

/** How a stream that nobody could go on with ended for its caller. */
function endOf(reason: FailureKind): StreamResult['end'] {
  return reason === 'stream-stalled' ? 'stalled' : 'cut';
}

function asFailure(error: unknown): ProviderError {
  if (error instanceof ProviderError) return error;
  return new ProviderError('stream-malformed', 'The stream could not be read', { cause: error });
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
