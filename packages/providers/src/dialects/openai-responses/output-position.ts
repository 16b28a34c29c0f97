import type { StreamPart } from '@moltbot/contracts';
import type { JsonObject } from '../../json-object.js';
import { readCount, readObject, readText } from '../../read-json.js';
import { outputIndex } from './from-output.js';

/** Bytes of items that are kept: of longer answers no writer could say the end. */
const MOST_KEPT = 8_388_608;

/** An output item that has begun. */
export interface OpenOutput {
  /** As it was added. */
  readonly item: JsonObject;
  /** Parts of its content that are whole. */
  readonly content: JsonObject[];
  /** Where the text of its open part begins within the text of the answer; undefined where none is open. */
  textFrom: number | undefined;
}

/**
 * Where a stream of responses stands whose bytes are passed as they are. Parts say nothing of items, ids and numbers, and a
 * writer that goes on has to know them.
 */
export class OutputPosition {
  /** Of the next event. */
  sequence = 0;
  /** Of the next item. */
  nextIndex = 0;
  /** Unix seconds. */
  createdAt: number | undefined;
  ended = false;
  /** Items that are whole, by their index. */
  readonly done = new Map<number, JsonObject>();
  readonly open = new Map<number, OpenOutput>();
  /** The answer is too long: its items are not kept any more. */
  isForgotten = false;
  #textLength = 0;
  #kept = 0;

  /** Notes an event that was read: how long it was, and the parts (from an index on) that it meant. */
  note(event: JsonObject, length: number, parts: readonly StreamPart[], from: number): void {
    this.sequence = (readCount(event['sequence_number']) ?? this.sequence) + 1;
    switch (event['type']) {
      case 'response.created':
        this.createdAt = readCount(readObject(event['response'])?.['created_at']);
        break;
      case 'response.output_item.added':
        this.#added(outputIndex(event), readObject(event['item']) ?? {}, length);
        break;
      case 'response.output_item.done':
        this.#done(outputIndex(event), readObject(event['item']) ?? {}, length);
        break;
      case 'response.content_part.added':
        this.#partAdded(this.open.get(outputIndex(event)), readObject(event['part']));
        break;
      case 'response.content_part.done':
        this.#partDone(this.open.get(outputIndex(event)), readObject(event['part']), length);
        break;
      case 'response.completed':
      case 'response.incomplete':
        this.ended = true;
        break;
      default:
    }
    for (let index = from; index < parts.length; index += 1) {
      const part = parts[index];
      if (part?.type === 'text-delta') this.#textLength += part.text.length;
    }
  }

  #added(index: number, item: JsonObject, length: number): void {
    this.nextIndex = Math.max(this.nextIndex, index + 1);
    if (this.#fits(length)) this.open.set(index, { item, content: [], textFrom: undefined });
  }

  #done(index: number, item: JsonObject, length: number): void {
    this.open.delete(index);
    if (this.#fits(length)) this.done.set(index, item);
  }

  #fits(length: number): boolean {
    this.#kept += length;
    if (this.#kept > MOST_KEPT) {
      this.isForgotten = true;
      this.done.clear();
      this.open.clear();
    }
    return !this.isForgotten;
  }

  #partAdded(open: OpenOutput | undefined, part: JsonObject | undefined): void {
    if (open !== undefined && readText(part?.['type']) === 'output_text') open.textFrom = this.#textLength;
  }

  #partDone(open: OpenOutput | undefined, part: JsonObject | undefined, length: number): void {
    if (open === undefined || part === undefined) return;
    if (this.#fits(length)) open.content.push(part);
    open.textFrom = undefined;
  }
}

/** Keyed by the stream's `start` part, which is what a writer is given of the stream. */
const POSITIONS = new WeakMap<StreamPart, OutputPosition>();

export function rememberPosition(start: StreamPart, position: OutputPosition): void {
  POSITIONS.set(start, position);
}

/** The reader's position as it is now; `undefined` where the parts don't come from a reader of this dialect. */
export function positionOf(parts: readonly StreamPart[]): OutputPosition | undefined {
  for (const part of parts) {
    const position = part.type === 'start' ? POSITIONS.get(part) : undefined;
    if (position !== undefined) return position;
  }
  return undefined;
}
