import { CLASSES, DIGIT, isDigit, JOINT, LETTER, skipDigits } from './byte-classes.js';
import type { MaskedMessage } from './masked-message.js';
import { matchIpv4, matchPort } from './match-address.js';
import { SHAPE } from './shapes.js';
import { TYPE } from './variable-types.js';
import { valuePartType } from './word-parts.js';

const SLASH = 0x2f;
const COMMA = 0x2c;
/** Each part between joints for itself: `core.1351` is `core.<*>`, `CPU#0` is `CPU#<*>`. */
export function scanParts(into: MaskedMessage, bytes: Uint8Array, at: number, stop: number): void {
  let next = at;
  while (next < stop) {
    let flags = 0;
    let partEnd = next;
    while (partEnd < stop) {
      const kind = CLASSES[bytes[partEnd] as number] as number;
      if ((kind & JOINT) !== 0) break;
      flags |= (kind & DIGIT) !== 0 ? DIGIT : LETTER;
      partEnd += 1;
    }
    if (flags === DIGIT) into.variable(next, partEnd, TYPE.number, SHAPE.plain);
    else {
      const type = flags === (DIGIT | LETTER) ? valuePartType(bytes, next, partEnd, next === at) : -1;
      if (type >= 0) into.variable(next, partEnd, type, SHAPE.plain);
      else into.copy(bytes, next, partEnd);
    }
    if (partEnd < stop) into.out[into.length++] = bytes[partEnd] as number;
    next = partEnd + 1;
  }
}

/** What follows a variable within its word. */
export function restOfWord(into: MaskedMessage, bytes: Uint8Array, at: number, stop: number): number {
  let flags = 0;
  for (let next = at; next < stop; next += 1) flags |= CLASSES[bytes[next] as number] as number;
  if ((flags & DIGIT) === 0) into.copy(bytes, at, stop);
  else scanParts(into, bytes, at, stop);
  return stop;
}

/** A variable takes what is glued to it with it, up to the next joint. */
export function gluedVariable(
  into: MaskedMessage,
  bytes: Uint8Array,
  at: number,
  from: number,
  stop: number,
  type: number,
): number {
  let next = from;
  for (;;) {
    const glued = next;
    while (next < stop && ((CLASSES[bytes[next] as number] as number) & JOINT) === 0) next += 1;
    // 125312k/129720k
    if (next > glued && bytes[next] === SLASH && next + 1 < stop && isDigit(bytes[next + 1])) next += 1;
    else break;
  }
  into.variable(at, next, type, SHAPE.plain);
  return next < stop ? restOfWord(into, bytes, next, stop) : stop;
}

/** An IPv4 address, with its port; several with commas are one list. */
export function scanAddress(into: MaskedMessage, bytes: Uint8Array, end: number, at: number, stop: number): number {
  let next = stop;
  let shape: number = SHAPE.plain;
  const port = matchPort(bytes, next, end);
  if (port > 0) {
    next = port;
    shape = SHAPE.pair;
  }
  while (bytes[next] === COMMA && isDigit(bytes[next + 1])) {
    const more = matchIpv4(bytes, next + 1, end);
    if (more === 0) break;
    next = more;
    shape = SHAPE.plain;
  }
  if (bytes[next] === SLASH && isDigit(bytes[next + 1])) next = skipDigits(bytes, next + 1, end);
  into.variable(at, next, TYPE.ip, shape);
  return next;
}

export function variableWithPort(
  into: MaskedMessage,
  bytes: Uint8Array,
  end: number,
  at: number,
  stop: number,
  type: number,
): number {
  const port = matchPort(bytes, stop, end);
  into.variable(at, port > 0 ? port : stop, type, port > 0 ? SHAPE.pair : SHAPE.plain);
  return port > 0 ? port : stop;
}
