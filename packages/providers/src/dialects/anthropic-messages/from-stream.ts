import type { StreamPart } from '@moltbot/contracts';
import type { JsonObject } from '../../caller-request.js';
import { ProviderError } from '../../failure.js';
import { createEventSplitter, type ServerSentEvent, type SplitResult } from '../../http/event-stream.js';
import { nestsWithin, readObject, readText } from '../../read-json.js';
import { TextTemplate } from '../../text-template.js';
import type { Frame, StreamReader } from '../../wire.js';
import { type BlockKind, type BlockPosition, rememberPosition } from './block-position.js';
import { fromErrorObject } from './from-error.js';
import { fromStopReason } from './map-stop-reason.js';
import { type AnthropicUsage, fromUsage, mergeUsage, noUsage } from './map-usage.js';
import { DEEPEST_JSON } from './to-schema.js';

const NO_PARTS: readonly StreamPart[] = [];
const EMPTY: Frame = { bytes: Buffer.alloc(0), parts: NO_PARTS };
/** OpenAI's end marker, which some servers send here too. */
const DONE = '[DONE]';
/** Highest index of a block that is believed. */
const MOST_BLOCKS = 100_000;

/**
 * Reads a Messages stream. The finish marker is `message_delta` with a stop reason: it carries the last usage and nothing but
 * `message_stop` follows, so a stream that ends after it is whole. Unknown events, blocks and deltas pass and say nothing;
 * usage is said once, with the finish (`message_start` only knows the input).
 * @see https://platform.claude.com/docs/en/build-with-claude/streaming
 */
export function createStreamReader(): StreamReader {
  return new Reader();
}

interface OpenBlock {
  readonly kind: BlockKind;
  /** Number of the call within the answer; -1 for other blocks. */
  readonly call: number;
  /** Arguments that came whole with the block's start; said at its end unless deltas said them. */
  readonly input: JsonObject | undefined;
  saidArguments: boolean;
}

class Reader implements StreamReader {
  readonly #splitter = createEventSplitter();
  readonly #position: BlockPosition = { next: 0, open: undefined, finished: false, ended: false };
  readonly #blocks = new Map<number, OpenBlock>();
  readonly #usage: AnthropicUsage = noUsage();
  #calls = 0;
  #started = false;
  #pending: Frame = EMPTY;
  readonly #template = new TextTemplate();

  get finished(): boolean {
    return this.#position.finished || this.#position.ended;
  }

  read(chunk: Buffer): Frame {
    this.#pending = EMPTY;
    const split = this.#splitter.push(chunk);
    const { events } = split;
    if (events.length === 0) return split.bytes.length === 0 ? EMPTY : { bytes: split.bytes, parts: NO_PARTS };
    const parts: StreamPart[] = [];
    let named = true;
    for (let index = 0; index < events.length; index += 1) {
      const event = events[index] as ServerSentEvent;
      named &&= event.event !== undefined || event.data === DONE;
      try {
        this.#readEvent(event, parts);
      } catch (error) {
        const good = { bytes: split.bytes.subarray(0, event.start), events: events.slice(0, index) };
        this.#pending = { bytes: named ? good.bytes : withNames(good), parts };
        throw error;
      }
    }
    return { bytes: named ? split.bytes : withNames(split), parts };
  }

  takePending(): Frame {
    const pending = this.#pending;
    this.#pending = EMPTY;
    return pending;
  }

  #readEvent(event: ServerSentEvent, parts: StreamPart[]): void {
    if (event.event === 'ping' || event.data === DONE) return;
    const plain = this.#template.match(event.data);
    if (plain !== undefined) {
      pushText(parts, 'text-delta', plain);
      return;
    }
    const data = parseEvent(event.data);
    switch (data['type'] ?? event.event) {
      case 'content_block_delta': {
        const before = parts.length;
        this.#readDelta(data, parts);
        const said = parts[before];
        if (said?.type === 'text-delta') this.#template.learn(event.data, said.text, readDeltaText);
        return;
      }
      case 'content_block_start':
        this.#startBlock(data, parts);
        return;
      case 'content_block_stop':
        this.#stopBlock(data, parts);
        return;
      case 'message_start':
        this.#startMessage(data, parts);
        return;
      case 'message_delta':
        this.#finish(data, parts);
        return;
      case 'message_stop':
        this.#end(parts);
        return;
      case 'error':
        throw fromErrorObject(data);
      default:
    }
  }

  #startMessage(data: JsonObject, parts: StreamPart[]): void {
    const message = readObject(data['message']);
    mergeUsage(this.#usage, message?.['usage']);
    if (this.#started) return;
    this.#started = true;
    const start: StreamPart = { type: 'start', id: readText(message?.['id']), model: readText(message?.['model']) };
    rememberPosition(start, this.#position);
    parts.push(start);
  }

  #startBlock(data: JsonObject, parts: StreamPart[]): void {
    const index = readIndex(data['index']) ?? this.#position.next;
    const block = readObject(data['content_block']) ?? {};
    let kind: BlockKind = 'other';
    let call = -1;
    let input: JsonObject | undefined;
    switch (block['type']) {
      case 'text':
        kind = 'text';
        pushText(parts, 'text-delta', block['text']);
        break;
      case 'thinking':
        kind = 'thinking';
        pushText(parts, 'reasoning-delta', block['thinking']);
        pushSignature(parts, block['signature']);
        break;
      case 'redacted_thinking': {
        const redacted = readText(block['data']);
        if (redacted !== undefined) parts.push({ type: 'reasoning-seal', choice: 0, redacted });
        break;
      }
      case 'tool_use': {
        kind = 'tool';
        call = this.#calls;
        this.#calls += 1;
        input = readObject(block['input']);
        const id = readText(block['id']) ?? `toolu_${call}`;
        parts.push({ type: 'tool-call-start', choice: 0, index: call, id, name: readText(block['name']) ?? '' });
        break;
      }
      default:
    }
    this.#blocks.set(index, { kind, call, input, saidArguments: false });
    this.#position.open = { index, kind };
    this.#position.next = Math.max(this.#position.next, index + 1);
  }

  #readDelta(data: JsonObject, parts: StreamPart[]): void {
    const delta = readObject(data['delta']);
    switch (delta?.['type']) {
      case 'text_delta':
        pushText(parts, 'text-delta', delta['text']);
        return;
      case 'thinking_delta':
        pushText(parts, 'reasoning-delta', delta['thinking']);
        return;
      case 'signature_delta':
        pushSignature(parts, delta['signature']);
        return;
      case 'input_json_delta': {
        const block = this.#blocks.get(readIndex(data['index']) ?? this.#position.next - 1);
        const text = readText(delta['partial_json']);
        if (block?.kind !== 'tool' || text === undefined) return;
        block.saidArguments = true;
        parts.push({ type: 'tool-call-delta', choice: 0, index: block.call, arguments: text });
        return;
      }
      default:
    }
  }

  #stopBlock(data: JsonObject, parts: StreamPart[]): void {
    const index = readIndex(data['index']) ?? this.#position.next - 1;
    const block = this.#blocks.get(index);
    this.#blocks.delete(index);
    if (this.#position.open?.index === index) this.#position.open = undefined;
    if (block?.kind !== 'tool' || block.saidArguments) return;
    // A call without arguments has no delta that says so; a few servers send them whole with the block's start.
    const input = block.input !== undefined && nestsWithin(block.input, DEEPEST_JSON) ? block.input : {};
    parts.push({ type: 'tool-call-delta', choice: 0, index: block.call, arguments: JSON.stringify(input) });
  }

  #finish(data: JsonObject, parts: StreamPart[]): void {
    mergeUsage(this.#usage, data['usage']);
    const reason = readText(readObject(data['delta'])?.['stop_reason']);
    if (reason !== undefined && !this.#position.finished) {
      this.#position.finished = true;
      parts.push({ type: 'finish', choice: 0, reason: fromStopReason(reason) });
    }
    if (this.#position.finished) this.#sayUsage(parts);
  }

  #sayUsage(parts: StreamPart[]): void {
    const usage = fromUsage(this.#usage);
    if (usage !== undefined) parts.push({ type: 'usage', usage });
  }

  #end(parts: StreamPart[]): void {
    if (this.#position.ended) return;
    this.#position.ended = true;
    if (!this.#position.finished) {
      // A server that marks the end and names no reason.
      parts.push({ type: 'finish', choice: 0, reason: this.#calls > 0 ? 'tool-calls' : 'stop' });
      this.#sayUsage(parts);
    }
    parts.push({ type: 'end' });
  }
}

function parseEvent(data: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch (cause) {
    throw new ProviderError('stream-malformed', 'An event of the stream is no JSON.', { cause });
  }
  const event = readObject(value);
  if (event === undefined) throw new ProviderError('stream-malformed', 'An event of the stream is no JSON object.');
  return event;
}

/** Where a text delta has its text. */
function readDeltaText(value: unknown): unknown {
  return readObject(readObject(value)?.['delta'])?.['text'];
}

function readIndex(value: unknown): number | undefined {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < MOST_BLOCKS
    ? (value as number)
    : undefined;
}

function pushText(parts: StreamPart[], type: 'text-delta' | 'reasoning-delta', value: unknown): void {
  if (typeof value === 'string' && value !== '') parts.push({ type, choice: 0, text: value });
}

function pushSignature(parts: StreamPart[], value: unknown): void {
  if (typeof value === 'string' && value !== '') {
    parts.push({ type: 'reasoning-seal', choice: 0, signature: value });
  }
}

/** The same events, each with the `event:` line that Anthropic's own SDK drops events without; some servers leave it out. */
function withNames(split: SplitResult): Buffer {
  let text = '';
  for (const { event, data } of split.events) {
    if (data === DONE) continue;
    const name = event ?? readText(parseEvent(data)['type']);
    if (name !== undefined) text += `event: ${name}\n${data.replaceAll(/^/gm, 'data: ')}\n\n`;
  }
  return Buffer.from(text);
}
