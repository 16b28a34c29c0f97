import { CLASSES, classAt, DIGIT, isDigit, JOINT, LETTER, skipDigits, skipHex } from './byte-classes.js';
import type { MaskedMessage } from './masked-message.js';
import { matchColonHex, matchHexNumber, matchIpv4, matchUuid } from './match-address.js';
import { matchDate, matchTimeOfDay } from './match-time.js';
import { gluedVariable, restOfWord, scanAddress, variableWithPort } from './scan-parts.js';
import { SHAPE, shapeOf } from './shapes.js';
import { unitAt } from './units.js';
import { TYPE } from './variable-types.js';
import { isHostName } from './word-parts.js';

const BLANK = 0x20;
const DOT = 0x2e;
const DASH = 0x2d;
const SLASH = 0x2f;
const COLON = 0x3a;
const OPEN = 0x28;
const CLOSE = 0x29;
const BYTES_SHAPE = shapeOf('<*> bytes');
const BOTH_SIZES = shapeOf('<*> bytes (<*> KB)');

/** Digits first: a number, an address, a date, a time, a version, a size. */
export function scanNumber(into: MaskedMessage, bytes: Uint8Array, end: number, at: number, stop: number): number {
  const hex = matchHexNumber(bytes, at, end);
  if (hex > 0) return gluedVariable(into, bytes, at, hex, stop, TYPE.hex);
  if (stop - at >= 36) {
    const uuid = matchUuid(bytes, at, end);
    if (uuid > 0) return gluedVariable(into, bytes, at, uuid, stop, TYPE.uuid);
  }
  const digits = skipDigits(bytes, bytes[at] === DASH ? at + 1 : at, end);
  const after = bytes[digits];
  if (after === DOT && digits - at <= 3) {
    const ip = matchIpv4(bytes, at, end);
    if (ip > 0 && !(ip < stop && bytes[ip] === DOT && isHostName(bytes, at, stop, true)))
      return scanAddress(into, bytes, end, at, ip);
  }
  if ((after === DASH || after === SLASH) && digits - at === 4) {
    const date = matchDate(bytes, at, end);
    if (date !== undefined) {
      into.variable(at, date.end, TYPE.timestamp, date.shape);
      return date.end;
    }
  }
  if (after === COLON && digits < end) {
    const time = matchTimeOfDay(bytes, at, end);
    if (time !== undefined && bytes[time.end] !== COLON) {
      into.variable(at, time.end, TYPE.timestamp, time.shape);
      return time.end;
    }
  }
  if (bytes[stop] === COLON && stop - at <= 4) {
    const colons = matchColonHex(bytes, at, end);
    if (colons !== undefined) {
      into.variable(at, colons.end, colons.mac ? TYPE.mac : TYPE.ip, SHAPE.plain);
      return colons.end;
    }
  }
  if (digits < stop && isHostName(bytes, at, stop, true))
    return variableWithPort(into, bytes, end, at, stop, TYPE.host);
  let next = digits;
  let dots = 0;
  while (bytes[next] === DOT && next + 1 < end && isDigit(bytes[next + 1])) {
    next = skipDigits(bytes, next + 1, end);
    dots += 1;
  }
  if (next < stop) {
    const kind = CLASSES[bytes[next] as number] as number;
    if ((kind & JOINT) === 0) {
      const unit = unitAt(bytes, next, stop, false);
      const type = skipHex(bytes, at, stop) - at >= 8 ? TYPE.hex : TYPE.number;
      return gluedVariable(into, bytes, at, next, stop, unit?.type ?? type);
    }
    // A version goes on behind its dash: 2.6.5-1.358, 2.20.4-rh2.
    if (
      bytes[next] === DASH &&
      dots > 0 &&
      next + 1 < stop &&
      (classAt(bytes, next + 1, end) & (LETTER | DIGIT)) !== 0
    ) {
      into.variable(at, stop, TYPE.identifier, SHAPE.plain);
      return stop;
    }
    into.variable(at, next, TYPE.number, SHAPE.plain);
    return restOfWord(into, bytes, next, stop);
  }
  return numberWithUnit(into, bytes, end, at, next);
}

/** `5 KB`, `3 seconds`, `18846 bytes (18.4 KB)`: the number with its unit. */
export function numberWithUnit(into: MaskedMessage, bytes: Uint8Array, end: number, at: number, next: number): number {
  const unit = bytes[next] === BLANK && next + 1 < end ? unitAt(bytes, next + 1, end, true) : undefined;
  if (unit === undefined) {
    into.variable(at, next, TYPE.number, SHAPE.plain);
    return next;
  }
  let stop = next + 1 + unit.length;
  let { shape } = unit;
  if (shape === BYTES_SHAPE && bytes[stop] === BLANK && bytes[stop + 1] === OPEN) {
    let more = skipDigits(bytes, stop + 2, end);
    if (bytes[more] === DOT) more = skipDigits(bytes, more + 1, end);
    const second = bytes[more] === BLANK ? unitAt(bytes, more + 1, end, true) : undefined;
    if (
      more > stop + 2 &&
      second !== undefined &&
      second.type === TYPE.size &&
      bytes[more + 1 + second.length] === CLOSE
    ) {
      stop = more + 2 + second.length;
      shape = BOTH_SIZES;
    }
  }
  into.variable(at, stop, unit.type, shape);
  return stop;
}
