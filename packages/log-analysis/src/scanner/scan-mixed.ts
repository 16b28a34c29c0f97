import { CLASSES, DIGIT, isDigit, JOINT, LETTER } from './byte-classes.js';
import type { MaskedMessage } from './masked-message.js';
import { matchColonHex, matchIpv4, matchPort, matchUuid } from './match-address.js';
import { gluedVariable, scanAddress, scanParts, variableWithPort } from './scan-parts.js';
import { variableToBlank } from './scan-path.js';
import { SHAPE } from './shapes.js';
import { TYPE } from './variable-types.js';
import { isHostName, readWordParts } from './word-parts.js';

const DASH = 0x2d;
const SLASH = 0x2f;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
/** Letters, digits and dashes: a name that may stand before a port. */
function isNamePart(bytes: Uint8Array, at: number, stop: number): boolean {
  let dashes = 0;
  for (let next = at; next < stop; next += 1) {
    const byte = bytes[next] as number;
    if (byte === DASH) dashes += 1;
    else if (((CLASSES[byte] as number) & (LETTER | DIGIT)) === 0) return false;
  }
  return dashes >= 2;
}

/** A word with digits that does not begin with one. */
export function scanMixed(into: MaskedMessage, bytes: Uint8Array, end: number, at: number, stop: number): number {
  if (bytes[at] === BACKSLASH && isDigit(bytes[at + 1])) return variableToBlank(into, bytes, end, at, TYPE.identifier);
  if (stop - at >= 36) {
    const uuid = matchUuid(bytes, at, end);
    if (uuid > 0) return gluedVariable(into, bytes, at, uuid, stop, TYPE.uuid);
  }
  for (let slash = at + 1; slash < stop; slash += 1) {
    const joint = bytes[slash];
    if ((joint !== SLASH && joint !== 0x40) || !isDigit(bytes[slash + 1])) continue;
    const ip = matchIpv4(bytes, slash + 1, end);
    if (ip === 0) continue;
    if (joint === 0x40) {
      scanParts(into, bytes, at, slash + 1);
      return scanAddress(into, bytes, end, slash + 1, ip);
    }
    // Java writes addresses as host/1.2.3.4:80.
    into.variable(at, slash, TYPE.host, SHAPE.plain);
    into.out[into.length++] = SLASH;
    return scanAddress(into, bytes, end, slash + 1, ip);
  }
  if (bytes[stop] === COLON && stop - at <= 4) {
    const hex = matchColonHex(bytes, at, end);
    if (hex !== undefined) {
      into.variable(at, hex.end, hex.mac ? TYPE.mac : TYPE.ip, SHAPE.plain);
      return hex.end;
    }
  }
  const { parts } = into;
  readWordParts(bytes, at, stop, parts);
  if (parts.leader) scanParts(into, bytes, at, stop);
  else if (parts.numbered) return wholeWord(into, bytes, end, at, stop, TYPE.identifier);
  else if (isHostName(bytes, at, stop, true)) return variableWithPort(into, bytes, end, at, stop, TYPE.host);
  else if (parts.impure > 0 && parts.pure + parts.impure >= 2)
    return wholeWord(into, bytes, end, at, stop, TYPE.identifier);
  else if (
    parts.pure > 0 &&
    bytes[stop] === COLON &&
    isNamePart(bytes, at, stop) &&
    matchPort(bytes, stop, end) - stop >= 3
  ) {
    return variableWithPort(into, bytes, end, at, stop, TYPE.host);
  } else scanParts(into, bytes, at, stop);
  return stop;
}

/** A whole word, without the joints around it. */
export function wholeWord(
  into: MaskedMessage,
  bytes: Uint8Array,
  end: number,
  at: number,
  stop: number,
  type: number,
): number {
  let from = at;
  let to = stop;
  while (((CLASSES[bytes[from] as number] as number) & JOINT) !== 0) from += 1;
  while (((CLASSES[bytes[to - 1] as number] as number) & JOINT) !== 0) to -= 1;
  into.copy(bytes, at, from);
  if (to === stop) return variableWithPort(into, bytes, end, from, to, type);
  into.variable(from, to, type, SHAPE.plain);
  into.copy(bytes, to, stop);
  return stop;
}
