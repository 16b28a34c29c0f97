import { isUtf8 } from 'node:buffer';

export interface LineSplitterOptions {
  /** Bytes of a line that are kept; the rest is passed over. */
  readonly maxLineBytes: number;
  /** The line is `bytes[start, end)`, without its line end, and good only until the callback returns. */
  readonly onLine: (bytes: Uint8Array, start: number, end: number) => void;
}

export interface LineCounts {
  lines: number;
  /** Cut at `maxLineBytes`. */
  truncated: number;
  /** With bytes that are no UTF-8: shown with U+FFFD. */
  invalidUtf8: number;
  /** With NUL bytes: skipped. */
  binary: number;
}

const LINE_FEED = 10;
const RETURN = 13;

/**
 * Bytes → lines without a string. A line inside one chunk is handed on in place; one that spans chunks is gathered in a buffer
 * that grows to `maxLineBytes` and no further, however long the line is. Line ends are LF and CRLF.
 */
export class LineSplitter {
  readonly counts: LineCounts = { lines: 0, truncated: 0, invalidUtf8: 0, binary: 0 };
  readonly #options: LineSplitterOptions;
  #carry = Buffer.alloc(0);
  #carried = 0;
  #overflow = false;
  #pending = false;

  constructor(options: LineSplitterOptions) {
    this.#options = options;
  }

  push(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const hasNul = bytes.indexOf(0) !== -1;
    let at = 0;
    let suspect: boolean | undefined;
    for (;;) {
      const stop = bytes.indexOf(LINE_FEED, at);
      if (stop === -1) break;
      if (this.#pending) {
        this.#keep(bytes, at, stop);
        this.#flush();
      } else {
        if (suspect === undefined) {
          // One check for all whole lines of the chunk; only where it fails each line is asked.
          const last = bytes.lastIndexOf(LINE_FEED);
          suspect = !isUtf8(bytes.subarray(at, last));
        }
        this.#hand(bytes, at, stop, suspect, hasNul);
      }
      at = stop + 1;
    }
    if (at < bytes.length) this.#keep(bytes, at, bytes.length);
  }

  /** The last line may lack its line end. */
  end(): void {
    if (this.#pending) this.#flush();
  }

  #keep(bytes: Buffer, start: number, end: number): void {
    this.#pending = true;
    const room = this.#options.maxLineBytes + 1 - this.#carried;
    const taken = Math.min(room, end - start);
    if (taken < end - start) this.#overflow = true;
    if (taken <= 0) return;
    const needed = this.#carried + taken;
    if (this.#carry.length < needed) {
      const grown = Buffer.allocUnsafe(Math.min(this.#options.maxLineBytes + 1, Math.max(4_096, needed * 2)));
      this.#carry.copy(grown, 0, 0, this.#carried);
      this.#carry = grown;
    }
    bytes.copy(this.#carry, this.#carried, start, start + taken);
    this.#carried = needed;
  }

  #flush(): void {
    const length = this.#carried;
    const overflow = this.#overflow;
    this.#carried = 0;
    this.#overflow = false;
    this.#pending = false;
    const nul = this.#carry.subarray(0, length).includes(0);
    this.#hand(this.#carry, 0, length, true, nul, overflow);
    // A giant line's buffer is given back.
    if (this.#carry.length > 65_536) this.#carry = Buffer.alloc(0);
  }

  #hand(bytes: Buffer, start: number, stop: number, suspect: boolean, hasNul: boolean, overflow = false): void {
    const { maxLineBytes, onLine } = this.#options;
    let end = stop;
    if (!overflow && end > start && bytes[end - 1] === RETURN) end -= 1;
    this.counts.lines += 1;
    if (end - start > maxLineBytes) {
      end = start + maxLineBytes;
      // Not in the middle of a character.
      while (end > start && end > start + maxLineBytes - 4 && ((bytes[end] as number) & 0xc0) === 0x80) end -= 1;
      this.counts.truncated += 1;
    }
    if (hasNul && bytes.subarray(start, end).includes(0)) {
      this.counts.binary += 1;
      onLine(bytes, end, end);
      return;
    }
    if (suspect && !isUtf8(bytes.subarray(start, end))) this.counts.invalidUtf8 += 1;
    onLine(bytes, start, end);
  }
}
