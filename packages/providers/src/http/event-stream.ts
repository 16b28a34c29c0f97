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
const SPACE = 32;
const COLON = 58;
/** As its three UTF-8 bytes read one character a byte. */
const BYTE_ORDER_MARK = '\u00ef\u00bb\u00bf';
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
    const decode = (from: number, to: number): string =>
      ascii ? text.slice(from, to) : buffer.toString('utf8', from, to);
    const events: ServerSentEvent[] = [];
    let position = 0;
    if (this.#atStart) {
      if (text.startsWith(BYTE_ORDER_MARK)) position = 3;
      else if (buffer.length < 3 && BYTE_ORDER_MARK.startsWith(text)) return this.#keep(buffer, 0, events);
      this.#atStart = false;
    } else if (this.#afterCarriageReturn && text.charCodeAt(0) === LF) {
      position = 1;
    }
    this.#afterCarriageReturn = false;

    let eventStart = position;
    let name: string | undefined;
    let data: string | undefined;
    let lineFeed = text.indexOf('\n', position);
    let carriageReturn = text.indexOf('\r', position);
    for (;;) {
      const ended = carriageReturn !== -1 && (lineFeed === -1 || carriageReturn < lineFeed);
      const lineEnd = ended ? carriageReturn : lineFeed;
      if (lineEnd === -1) break;
      const next = ended && lineFeed === lineEnd + 1 ? lineEnd + 2 : lineEnd + 1;
      if (lineEnd === position) {
        if (data !== undefined) events.push({ event: name, data, start: eventStart, end: next });
        if (ended && next === text.length && next === lineEnd + 1) this.#afterCarriageReturn = true;
        eventStart = next;
        name = undefined;
        data = undefined;
      } else if (isField(text, 'data', position, lineEnd)) {
        const value = decode(valueStart(text, position + 5, lineEnd), lineEnd);
        data = data === undefined ? value : `${data}\n${value}`;
      } else if (isField(text, 'event', position, lineEnd)) {
        name = decode(valueStart(text, position + 6, lineEnd), lineEnd);
      }
      position = next;
      if (lineFeed !== -1 && lineFeed < next) lineFeed = text.indexOf('\n', next);
      if (carriageReturn !== -1 && carriageReturn < next) carriageReturn = text.indexOf('\r', next);
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
    for (let index = 0; index < chunk.length; index += 1) {
      const code = chunk[index];
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

function isField(text: string, name: string, lineStart: number, lineEnd: number): boolean {
  if (!text.startsWith(name, lineStart)) return false;
  const end = lineStart + name.length;
  return end === lineEnd || text.charCodeAt(end) === COLON;
}

/** Where the value starts: one space after the colon is not part of it. */
function valueStart(text: string, afterColon: number, lineEnd: number): number {
  if (afterColon >= lineEnd) return lineEnd;
  return text.charCodeAt(afterColon) === SPACE ? afterColon + 1 : afterColon;
}
