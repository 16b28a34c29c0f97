import { classAt, SPACE } from '../scanner/byte-classes.js';

const STARTS = [
  'Caused by:',
  'Suppressed:',
  'Traceback (most recent call last)',
  'During handling of the above',
  'The above exception was',
  'goroutine ',
  'created by ',
  'exit status ',
  '... ',
].map((text) => new TextEncoder().encode(text));
const PANIC = new TextEncoder().encode('panic: ');
const TRACEBACK = STARTS[2] as Uint8Array;
const GOROUTINE = STARTS[5] as Uint8Array;

/**
 * Which lines belong to the record before them: indented lines, the frames and causes of Java, Node, Python and Go. Made for
 * lines that no parser of their format took; plain logs ask it for each line.
 */
export class Continuations {
  /** Inside a Python traceback: its last line, the exception, is not indented. */
  #python = false;
  /** Inside a Go panic: up to the next line that begins a record. */
  #go = false;

  reset(): void {
    this.#python = false;
    this.#go = false;
  }

  /** @param plain no line of the log has a header, so that only the line itself can tell */
  isContinuation(bytes: Uint8Array, start: number, end: number, plain: boolean): boolean {
    if (start === end) return this.#python || this.#go;
    const indented = (classAt(bytes, start, end) & SPACE) !== 0;
    if (indented) return true;
    if (beginsWith(bytes, start, end, TRACEBACK)) {
      this.#python = true;
      return true;
    }
    if (beginsWith(bytes, start, end, GOROUTINE)) {
      this.#go = true;
      return true;
    }
    if (STARTS.some((text) => beginsWith(bytes, start, end, text))) return true;
    if (this.#python) {
      // `ValueError: bad` ends the traceback.
      this.#python = false;
      return true;
    }
    if (this.#go && isGoFrame(bytes, start, end)) return true;
    this.#go = false;
    if (bytes[start] === 0x7d && end - start <= 2) return true;
    return !plain && !beginsWith(bytes, start, end, PANIC);
  }
}

function beginsWith(bytes: Uint8Array, start: number, end: number, text: Uint8Array): boolean {
  if (text.length > end - start || bytes[start] !== text[0]) return false;
  for (let index = 1; index < text.length; index += 1) if (bytes[start + index] !== text[index]) return false;
  return true;
}

/** `main.handle(0xc000, 0x1)`, `exit status 2` */
function isGoFrame(bytes: Uint8Array, start: number, end: number): boolean {
  return bytes[end - 1] === 0x29 && bytes.subarray(start, end).includes(0x28);
}
