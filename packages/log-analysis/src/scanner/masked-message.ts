import { SHAPE } from './shapes.js';
import { TYPE, VARIABLE_BYTE } from './variable-types.js';
import { newWordParts } from './word-parts.js';

const BLANK = 0x20;
const DOT = 0x2e;

/** Longer messages are mined by their beginning. */
export const MAX_MESSAGE_BYTES = 4_096;
export const MAX_VARIABLES = 128;
/** So many numbers in a row are one list. */
const LIST_LENGTH = 10;

/**
 * A message with its variables masked, as `scanMessage` leaves it: the masked bytes (`out`, `length`), in which each variable is
 * one byte and white space is one blank, their 2 × 32 bit hash, and where each variable stands in the message. One object is used
 * for all messages: nothing is allocated per message.
 */
export class MaskedMessage {
  readonly out = new Uint8Array(2 * MAX_MESSAGE_BYTES + 64);
  length = 0;
  hashLow = 0;
  hashHigh = 0;
  variables = 0;
  /** Positions in the message's bytes. */
  readonly starts = new Int32Array(MAX_VARIABLES);
  readonly ends = new Int32Array(MAX_VARIABLES);
  readonly types = new Uint8Array(MAX_VARIABLES);
  readonly shapes = new Uint16Array(MAX_VARIABLES);
  /** The message was longer than what is mined, or had more variables. */
  cut = false;
  /** Room for the scanner's look at one word. */
  readonly parts = newWordParts();

  #run = 0;
  /** The last variable is a list that goes on. */
  #collapsed = false;

  clear(): void {
    this.length = 0;
    this.variables = 0;
    this.cut = false;
    this.#run = 0;
    this.#collapsed = false;
  }

  copy(bytes: Uint8Array, start: number, end: number): void {
    const { out } = this;
    let length = this.length;
    for (let at = start; at < end; at += 1) out[length++] = bytes[at] as number;
    this.length = length;
  }

  /** Neighbours with nothing, or only a dot, between them are one variable; so are lists. */
  variable(start: number, end: number, type: number, shape: number): void {
    const { out } = this;
    let last = this.variables - 1;
    const before = this.length > 0 ? out[this.length - 1] : 0;
    if (last >= 0) {
      const glued = before === VARIABLE_BYTE;
      if (
        glued ||
        (before === DOT &&
          this.length > 1 &&
          out[this.length - 2] === VARIABLE_BYTE &&
          this.starts[last] !== this.ends[last])
      ) {
        if (!glued) this.length -= 1;
        this.ends[last] = end;
        this.shapes[last] = SHAPE.plain;
        return;
      }
      if (before === BLANK && out[this.length - 2] === VARIABLE_BYTE) {
        this.#run += 1;
        if (this.#collapsed || (type === TYPE.identifier && this.types[last] === TYPE.identifier)) {
          this.length -= 1;
          this.ends[last] = end;
          return;
        }
        if (this.#run >= LIST_LENGTH) {
          // The whole run shrinks to its first variable, which goes on to its end.
          const kept = last - (LIST_LENGTH - 2);
          if (kept >= 0) {
            this.length -= 2 * (LIST_LENGTH - 2) + 1;
            this.variables = kept + 1;
            last = kept;
            this.ends[last] = end;
            this.shapes[last] = SHAPE.plain;
            this.#collapsed = true;
            return;
          }
        }
      } else {
        this.#run = 1;
        this.#collapsed = false;
      }
    } else this.#run = 1;
    if (this.variables === MAX_VARIABLES) {
      this.cut = true;
      this.ends[MAX_VARIABLES - 1] = end;
      out[this.length++] = VARIABLE_BYTE;
      return;
    }
    const index = this.variables++;
    this.starts[index] = start;
    this.ends[index] = end;
    this.types[index] = type;
    this.shapes[index] = shape;
    out[this.length++] = VARIABLE_BYTE;
  }

  /** Makes the hash, once the message is complete. */
  seal(): void {
    const { out, length } = this;
    let low = 0x811c9dc5;
    let high = length;
    for (let at = 0; at < length; at += 1) {
      const byte = out[at] as number;
      low = Math.imul(low ^ byte, 0x01000193);
      high = Math.imul(high + byte, 0x9e3779b1) ^ (high >>> 15);
    }
    this.hashLow = low >>> 0;
    this.hashHigh = (high ^ (low >>> 13)) >>> 0;
  }
}
