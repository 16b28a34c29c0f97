import type { StreamPart } from '@moltbot/contracts';
import type { JsonObject } from '../../caller-request.js';
import { ProviderError } from '../../failure.js';
import { createEventSplitter, type ServerSentEvent } from '../../http/event-stream.js';
import { parseJson, readCount, readList, readObject, readText } from '../../read-json.js';
import { TextTemplate } from '../../text-template.js';
import type { Frame, StreamReader, StreamReaderOptions } from '../../wire.js';
import { CallDeltas } from './call-deltas.js';
import { readSaidText } from './from-content.js';
import { errorOf, toProviderError } from './from-error.js';
import { fromFinishReason, isBrokenOff } from './from-finish-reason.js';
import { fromUsage } from './from-usage.js';

const NO_BYTES = Buffer.alloc(0);
const NOTHING: Frame = { bytes: NO_BYTES, parts: [] };
/** More choices than any server gives. */
const MOST_CHOICES = 1_024;

/** Reads `chat.completion.chunk` events. It is finished when each choice asked for or seen has its finish reason, or with `[DONE]`. */
export function createStreamReader(options: StreamReaderOptions): StreamReader {
  return new ChatStreamReader(options);
}

class ChatStreamReader implements StreamReader {
  readonly #keepUsage: boolean;
  readonly #choices: number;
  readonly #splitter = createEventSplitter();
  readonly #calls = new Map<number, CallDeltas>();
  /** Choices that have begun, and those of them that have their finish reason. */
  readonly #seen = new Set<number>();
  readonly #ended = new Set<number>();
  /** Choices with a refusal: OpenAI says `stop` of them. */
  readonly #refused = new Set<number>();
  #done = false;
  #started = false;
  #answerId = '';
  #pending: Frame = NOTHING;
  readonly #template = new TextTemplate('obfuscation');

  constructor(options: StreamReaderOptions) {
    this.#keepUsage = options.keepUsage;
    this.#choices = options.choices ?? 1;
  }

  get finished(): boolean {
    return this.#done || (this.#seen.size >= this.#choices && this.#ended.size === this.#seen.size);
  }

  read(chunk: Buffer): Frame {
    this.#pending = NOTHING;
    const { bytes, events } = this.#splitter.push(chunk);
    if (events.length === 0) return bytes.length === 0 ? NOTHING : { bytes, parts: [] };
    const parts: StreamPart[] = [];
    let hidden: ServerSentEvent[] | undefined;
    for (const event of events) {
      const before = parts.length;
      try {
        if (!this.#readEvent(event, parts)) (hidden ??= []).push(event);
      } catch (error) {
        parts.length = before;
        this.#pending = { bytes: without(hidden, bytes, event.start), parts };
        throw error;
      }
    }
    return { bytes: hidden === undefined ? bytes : without(hidden, bytes, bytes.length), parts };
  }

  takePending(): Frame {
    const pending = this.#pending;
    this.#pending = NOTHING;
    return pending;
  }

  /** @returns whether the caller may see the event */
  #readEvent(event: ServerSentEvent, parts: StreamPart[]): boolean {
    const { data } = event;
    if (data === '[DONE]') {
      if (!this.#done) parts.push({ type: 'end' });
      this.#done = true;
      return true;
    }
    if (data === '') return true;
    // Learned from a chunk of choice 0 that has begun; what ends the choice does not match.
    const plain = event.event === undefined ? this.#template.match(data) : undefined;
    if (plain !== undefined) {
      if (plain !== '') parts.push({ type: 'text-delta', choice: 0, text: plain });
      return true;
    }
    const value = readObject(parseJson(data));
    if (value === undefined) {
      throw new ProviderError('stream-malformed', 'An event of the stream is no JSON object.');
    }
    if ((value['error'] ?? undefined) !== undefined || event.event === 'error' || value['object'] === 'error') {
      throw toProviderError(errorOf(value) ?? value, { status: 200, unknown: 'stream-error' });
    }
    const choices = readList(value['choices']);
    const before = this.#started ? parts.length : -1;
    if (!this.#started) this.#start(value, choices.length > 0, parts);
    for (const choice of choices) {
      const object = readObject(choice);
      if (object !== undefined) this.#readChoice(object, parts);
    }
    const shown = this.#readUsage(value, choices.length, parts);
    const said = parts.length === before + 1 ? parts[before] : undefined;
    if (said?.type === 'text-delta' && said.choice === 0 && choices.length === 1) {
      this.#template.learn(data, said.text, readContent);
    }
    return shown;
  }

  /** Azure sends a chunk about its content filter first, without id, model and choices. */
  #start(value: JsonObject, hasChoices: boolean, parts: StreamPart[]): void {
    const id = readText(value['id']);
    const model = readText(value['model']);
    if (id === undefined && model === undefined && !hasChoices) return;
    this.#started = true;
    this.#answerId = id?.slice(-32) ?? '';
    parts.push({ type: 'start', id, model });
  }

  #readChoice(value: JsonObject, parts: StreamPart[]): void {
    const choice = readCount(value['index']) ?? 0;
    if (choice >= MOST_CHOICES) throw new ProviderError('stream-malformed', 'A choice has an index beyond any limit.');
    this.#seen.add(choice);
    const delta = readObject(value['delta']);
    if (delta !== undefined) this.#readDelta(delta, choice, parts);
    const reason = value['finish_reason'];
    if (typeof reason !== 'string' || reason === '' || this.#ended.has(choice)) return;
    if (isBrokenOff(reason)) {
      throw toProviderError(errorOf(value), { status: 200, unknown: 'stream-error' });
    }
    this.#calls.get(choice)?.finish(this.#answerId, parts);
    this.#ended.add(choice);
    const read = fromFinishReason(reason);
    parts.push({ type: 'finish', choice, reason: read === 'stop' && this.#refused.has(choice) ? 'refusal' : read });
  }

  #readDelta(delta: JsonObject, choice: number, parts: StreamPart[]): void {
    const { text, reasoning } = readSaidText(delta);
    if (reasoning !== '') parts.push({ type: 'reasoning-delta', choice, text: reasoning });
    if (text !== '') parts.push({ type: 'text-delta', choice, text });
    const { refusal, tool_calls: calls, function_call: call } = delta;
    if (typeof refusal === 'string' && refusal !== '') {
      this.#refused.add(choice);
      parts.push({ type: 'refusal-delta', choice, text: refusal });
    }
    if (Array.isArray(calls)) this.#callsOf(choice).read(calls, this.#answerId, parts);
    // What came before `tool_calls`: one call without an id.
    else if (typeof call === 'object' && call !== null) {
      this.#callsOf(choice).read([{ index: 0, function: call }], this.#answerId, parts);
    }
  }

  #callsOf(choice: number): CallDeltas {
    const known = this.#calls.get(choice);
    if (known !== undefined) return known;
    const calls = new CallDeltas(choice);
    this.#calls.set(choice, calls);
    return calls;
  }

  /** @returns false for a chunk that holds nothing but a usage that the caller did not ask for */
  #readUsage(value: JsonObject, choices: number, parts: StreamPart[]): boolean {
    // Groq puts it in a corner of its own.
    const usage = fromUsage(value['usage'] ?? readObject(value['x_groq'])?.['usage']);
    if (usage === undefined) return true;
    parts.push({ type: 'usage', usage });
    return this.#keepUsage || choices > 0;
  }
}

/** The bytes up to `end` without those of the hidden events. */
function without(hidden: readonly ServerSentEvent[] | undefined, bytes: Buffer, end: number): Buffer {
  if (hidden === undefined) return bytes.subarray(0, end);
  const pieces: Buffer[] = [];
  let from = 0;
  for (const event of hidden) {
    if (event.start > from) pieces.push(bytes.subarray(from, event.start));
    from = event.end;
  }
  if (end > from) pieces.push(bytes.subarray(from, end));
  return pieces.length === 1 ? (pieces[0] ?? NO_BYTES) : Buffer.concat(pieces);
}

/** Where a plain chunk has its text. */
function readContent(value: unknown): unknown {
  const choice = readObject(readList(readObject(value)?.['choices'])[0]);
  return readObject(choice?.['delta'])?.['content'];
}
