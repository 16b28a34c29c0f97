import { CLASSES, DIGIT, hasText, isDigit, JOINT, LETTER, SEPARATOR, SPACE } from './byte-classes.js';
import { type MaskedMessage, MAX_MESSAGE_BYTES } from './masked-message.js';
import { matchColonHex } from './match-address.js';
import { matchWrittenDate } from './match-time.js';
import { SHAPE } from './shapes.js';
import { TYPE } from './variable-types.js';
import { isHostName } from './word-parts.js';
import { scanNumber } from './scan-number.js';
import { variableWithPort } from './scan-parts.js';
import { scanPath, scanUrl, variableToBlank } from './scan-path.js';
import { scanMixed } from './scan-mixed.js';

const BLANK = 0x20;
const DASH = 0x2d;
const SLASH = 0x2f;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN = 0x28;
const CLOSE = 0x29;

function isConstant(bytes: Uint8Array, at: number, stop: number, end: number): boolean {
  if (stop - at === 4)
    return hasText(bytes, at, end, 'true') || hasText(bytes, at, end, 'null') || hasText(bytes, at, end, 'root');
  return hasText(bytes, at, end, 'false') || hasText(bytes, at, end, 'admin');
}

/** Reads a message once, byte by byte, and leaves in `into` what it found. */
export function scanMessage(bytes: Uint8Array, start: number, end: number, into: MaskedMessage): void {
  into.clear();
  into.cut = end - start > MAX_MESSAGE_BYTES;
  const stop = into.cut ? start + MAX_MESSAGE_BYTES : end;
  const { out } = into;
  let at = start;
  while (at < stop) {
    const kind = CLASSES[bytes[at] as number] as number;
    if ((kind & SEPARATOR) === 0) {
      at = scanWord(into, bytes, stop, at);
      continue;
    }
    if ((kind & SPACE) === 0) {
      if (
        bytes[at] === OPEN &&
        bytes[at + 1] === CLOSE &&
        at + 1 < stop &&
        into.length > 0 &&
        out[into.length - 1] === BLANK
      ) {
        // An empty value in parentheses is a value: `from 1.2.3.4 ()`.
        out[into.length++] = OPEN;
        at += 1;
        into.variable(at, at, TYPE.word, SHAPE.plain);
        continue;
      }
      out[into.length++] = bytes[at] as number;
      at += 1;
      continue;
    }
    at += 1;
    while (at < stop && ((CLASSES[bytes[at] as number] as number) & SPACE) !== 0) at += 1;
    if (at < stop && into.length > 0) out[into.length++] = BLANK;
  }
  into.seal();
}

/** One word, from its first byte; some take what follows with them (a port, a unit). @returns where to go on */
function scanWord(into: MaskedMessage, bytes: Uint8Array, end: number, at: number): number {
  let flags = 0;
  let stop = at;
  while (stop < end) {
    const kind = CLASSES[bytes[stop] as number] as number;
    if ((kind & SEPARATOR) !== 0) break;
    flags |= kind;
    stop += 1;
  }
  if ((flags & (DIGIT | JOINT)) === 0) {
    const length = stop - at;
    if (length === 3) {
      const written = (bytes[at] as number) < 0x5b ? matchWrittenDate(bytes, at, end) : undefined;
      if (written !== undefined) {
        into.variable(at, written.end, TYPE.timestamp, written.shape);
        return written.end;
      }
    } else if ((length === 4 || length === 5) && isConstant(bytes, at, stop, end)) {
      into.variable(at, stop, TYPE.constant, SHAPE.plain);
      return stop;
    }
    if (bytes[stop] === COLON && stop + 1 < end) {
      const next = bytes[stop + 1] as number;
      if (next === SLASH && bytes[stop + 2] === SLASH) return scanUrl(into, bytes, end, at, stop);
      if (length === 1 && next === BACKSLASH) return variableToBlank(into, bytes, end, at, TYPE.path);
      if (length <= 4 && (flags & ~(LETTER | 16)) === 0) {
        const hex = matchColonHex(bytes, at, end);
        if (hex !== undefined) {
          into.variable(at, hex.end, hex.mac ? TYPE.mac : TYPE.ip, SHAPE.plain);
          return hex.end;
        }
      }
    }
    into.copy(bytes, at, stop);
    return stop;
  }
  const first = bytes[at] as number;
  if (first === SLASH && stop - at > 1) return scanPath(into, bytes, end, at);
  if (bytes[stop] === COLON && bytes[stop + 1] === SLASH && bytes[stop + 2] === SLASH && stop + 2 < end)
    return scanUrl(into, bytes, end, at, stop);
  if (isDigit(first) || (first === DASH && isDigit(bytes[at + 1]) && at + 1 < stop))
    return scanNumber(into, bytes, end, at, stop);
  if (first === 0x3c && isDigit(bytes[at + 1]) && at + 1 < stop) return scanNumber(into, bytes, end, at + 1, stop);
  if ((flags & DIGIT) === 0) {
    if (isHostName(bytes, at, stop, false)) return variableWithPort(into, bytes, end, at, stop, TYPE.host);
    into.copy(bytes, at, stop);
    return stop;
  }
  return scanMixed(into, bytes, end, at, stop);
}
