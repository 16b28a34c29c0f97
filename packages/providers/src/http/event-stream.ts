import { isAscii } from 'node:buffer';
import { ProviderError } from '../failure.js';

/** One dispatched event. `start` and `end` are offsets within the frame's bytes, the closing blank line included. */
export interface ServerSentEvent {
  readonly event: string | undefined;
  readonly data: string;
  readonly start: number;
  readonly end: number;
}

/**
 * The whole events that a chunk completed. `bytes` runs to the end of the last of them, comments and a remainder kept from
 * before included; it is the chunk itself where the chunk holds nothing else.
 */
export interface SplitResult {
  readonly bytes: Buffer;
  readonly events: readonly ServerSentEvent[];
}

export interface EventSplitter {
  /** @throws ProviderError `stream-malformed` where one event outgrows the bound */
  push(chunk: Buffer): SplitResult;
  /** Bytes of an event that is not whole yet. */
  readonly pendingBytes: number;
}

const LF = 10;
const CR = 13;
const EMPTY = Buffer.alloc(0);
const NOTHING: SplitResult = { bytes: EMPTY, events: [] };
const SMALLEST_STORE = 4_096;

/**
 * Splits a text/event-stream (WHATWG HTML 9.2) as its chunks arrive: LF, CR and CRLF, comments, many data lines, a byte order
 * mark, UTF-8 cut between chunks. `id` and `retry` are not looked at, events without data are not dispatched.
 */
export function createEventSplitter(options: { readonly maxEventBytes?: number } = {}): EventSplitter {
  return new Splitter(options.maxEventBytes ?? 1_048_576);
}

class Splitter implements EventSplitter {
  pendingBytes = 0;
  readonly #maxEventBytes: number;
  /** Holds the unfinished event in its first `pendingBytes` bytes; a view of the last chunk until it has to grow. */
  #store: Buffer = EMPTY;
  #ownsStore = false;
  #atStart = true;
  /** The last byte was a CR: an LF that follows belongs to the same line end. */
  #afterCarriageReturn = false;

  constructor(maxEventBytes: number) {
    this.#maxEventBytes = maxEventBytes;
  }

  push(chunk: Buffer): SplitResult {
    if (chunk.length === 0) return NOTHING;
    if (this.pendingBytes === 0) return this.#split(chunk);
    // A frame that held good events goes out before the bound is enforced on what followed them.
    this.#checkBound(this.pendingBytes);
    const completes = this.#completesEvent(chunk);
    this.#append(chunk, completes);
    if (!completes) {
      this.#checkBound(this.pendingBytes);
      return NOTHING;
    }
    const joined = this.#store.subarray(0, this.pendingBytes);
    return this.#split(joined);
  }

  #split(buffer: Buffer): SplitResult {
    // One character a byte: offsets in the text are offsets in the bytes, and every delimiter is ASCII.
    const text = buffer.toString('latin1');
    const ascii = isAscii(buffer);
    const events: ServerSentEvent[] = [];
    let position = 0;
    if (this.#atStart) {
      if (text.startsWith('\u00ef\u00bb\u00bf')) position = 3;
      else if (buffer.length < 3 && '\u00ef\u00bb\u00bf'.startsWith(text)) return this.#keep(buffer, 0, events);
      this.#atStart = false;
    } else if (this.#afterCarriageReturn && text.charCodeAt(0) === LF) {
      position = 1;
    }
    this.#afterCarriageReturn = false;
    if (text.includes('\r')) return this.#splitMixed(buffer, text, position, events);

    for (;;) {
      const lineEnd = text.indexOf('\n', position);
      if (lineEnd === -1) break;
      if (text.charCodeAt(lineEnd + 1) === LF && text.startsWith('data: ', position)) {
        // The usual event: one data line.
        events.push({
          event: undefined,
          data: ascii ? text.slice(position + 6, lineEnd) : buffer.toString('utf8', position + 6, lineEnd),
          start: position,
          end: lineEnd + 2,
        });
        position = lineEnd + 2;
        continue;
      }
      if (lineEnd === position) {
        position += 1;
        continue;
      }
      const blank = text.indexOf('\n\n', lineEnd);
      if (blank === -1) break;
      const end = blank + 2;
      const event = readEvent(buffer, text, position, end);
      if (event !== undefined) events.push(event);
      position = end;
    }
    return this.#keep(buffer, position, events);
  }

  #splitMixed(buffer: Buffer, text: string, from: number, events: ServerSentEvent[]): SplitResult {
    let eventStart = from;
    let lineStart = from;
    for (let index = from; index < text.length; index += 1) {
      const code = text.charCodeAt(index);
      if (code !== LF && code !== CR) continue;
      const blank = index === lineStart;
      if (code === CR) {
        if (text.charCodeAt(index + 1) === LF) index += 1;
        else if (index + 1 === text.length) this.#afterCarriageReturn = true;
      }
      lineStart = index + 1;
      if (!blank) continue;
      const event = readEvent(buffer, text, eventStart, lineStart);
      if (event !== undefined) events.push(event);
      eventStart = lineStart;
    }
    return this.#keep(buffer, eventStart, events);
  }

  #keep(buffer: Buffer, position: number, events: readonly ServerSentEvent[]): SplitResult {
    const rest = buffer.length - position;
    this.pendingBytes = rest;
    if (rest === 0) {
      this.#store = EMPTY;
      this.#ownsStore = false;
      return { bytes: buffer, events };
    }
    if (events.length === 0) this.#checkBound(rest);
    this.#store = position === 0 ? buffer : buffer.subarray(position);
    this.#ownsStore = false;
    return position === 0 ? NOTHING : { bytes: buffer.subarray(0, position), events };
  }

  /** Whether the kept bytes and these hold a blank line; looks at the new bytes only, so that tiny chunks stay linear. */
  #completesEvent(chunk: Buffer): boolean {
    const last = this.#store[this.pendingBytes - 1];
    let lineStart = last === LF || last === CR;
    let afterCarriageReturn = last === CR;
    for (const code of chunk) {
      if (code === LF) {
        if (!afterCarriageReturn && lineStart) return true;
        lineStart = true;
        afterCarriageReturn = false;
      } else if (code === CR) {
        if (lineStart) return true;
        lineStart = true;
        afterCarriageReturn = true;
      } else {
        lineStart = false;
        afterCarriageReturn = false;
      }
    }
    // A byte order mark, or a line feed after it, may be all there is so far.
    return this.#atStart;
  }

  #append(chunk: Buffer, last: boolean): void {
    const length = this.pendingBytes + chunk.length;
    if (!this.#ownsStore || this.#store.length < length) {
      const store = Buffer.allocUnsafe(last ? length : Math.max(SMALLEST_STORE, length * 2));
      this.#store.copy(store, 0, 0, this.pendingBytes);
      this.#store = store;
      this.#ownsStore = true;
    }
    chunk.copy(this.#store, this.pendingBytes);
    this.pendingBytes = length;
  }

  #checkBound(bytes: number): void {
    if (bytes > this.#maxEventBytes) {
      throw new ProviderError(
        'stream-malformed',
        `An event of the stream is larger than ${this.#maxEventBytes} bytes.`,
      );
    }
  }
}

/** Reads the lines of one event, its blank line included; `undefined` where it has no data. */
function readEvent(buffer: Buffer, text: string, start: number, end: number): ServerSentEvent | undefined {
  let name: string | undefined;
  let data: string | undefined;
  let lineStart = start;
  for (let index = start; index < end; index += 1) {
    const code = text.charCodeAt(index);
    if (code !== LF && code !== CR) continue;
    const lineEnd = index;
    if (code === CR && text.charCodeAt(index + 1) === LF) index += 1;
    const colon = text.indexOf(':', lineStart);
    const nameEnd = colon === -1 || colon > lineEnd ? lineEnd : colon;
    if (nameEnd > lineStart) {
      const field = text.slice(lineStart, nameEnd);
      if (field === 'data' || field === 'event') {
        let valueStart = Math.min(nameEnd + 1, lineEnd);
        if (valueStart < lineEnd && text.charCodeAt(valueStart) === 32) valueStart += 1;
        const value = buffer.toString('utf8', valueStart, lineEnd);
        if (field === 'event') name = value;
        else data = data === undefined ? value : `${data}\n${value}`;
      }
    }
    lineStart = index + 1;
  }
  return data === undefined ? undefined : { event: name, data, start, end };
}
