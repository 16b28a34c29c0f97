import { CLASSES, hasText, isDigit, PATH_END, SPACE, skipDigits } from './byte-classes.js';
import type { MaskedMessage } from './masked-message.js';
import { matchIpv4, matchPort, matchScheme } from './match-address.js';
import { SHAPE } from './shapes.js';
import { TYPE } from './variable-types.js';

const BLANK = 0x20;
const DOT = 0x2e;
const SLASH = 0x2f;
const COLON = 0x3a;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const CLOSE = 0x29;

/** `/var/log/x.log`, `/10.1.2.3:80`, `/v1/items?id=4 HTTP/1.1`. */
export function scanPath(into: MaskedMessage, bytes: Uint8Array, end: number, at: number): number {
  let next = at;
  let query = false;
  while (next < end) {
    const byte = bytes[next] as number;
    const kind = CLASSES[byte] as number;
    if ((kind & PATH_END) !== 0) {
      const inQuery =
        query && (kind & SPACE) === 0 && byte !== 0x22 && byte !== 0x27 && byte !== CLOSE && byte !== 0x5d;
      const inArchive = byte === 0x21 && bytes[next + 1] === SLASH;
      const inDrive = byte === COLON && next === at + 2 && (bytes[next + 1] === SLASH || bytes[next + 1] === BACKSLASH);
      if (!inQuery && !inArchive && !inDrive) break;
    }
    if (byte === 0x3f) query = true;
    next += 1;
  }
  const port = matchPort(bytes, next, end);
  if (port > 0) {
    into.variable(at, port, isDigit(bytes[at + 1]) ? TYPE.ip : TYPE.path, SHAPE.pair);
    return port;
  }
  if (bytes[next] === BLANK && hasText(bytes, next + 1, end, 'http/')) {
    const version = skipDigits(bytes, next + 6, end);
    next = bytes[version] === DOT ? skipDigits(bytes, version + 1, end) : version;
  }
  into.variable(
    at,
    next,
    isDigit(bytes[at + 1]) && matchIpv4(bytes, at + 1, end) > 0 ? TYPE.ip : TYPE.path,
    SHAPE.plain,
  );
  return next;
}

/** A web address is one variable; of another scheme's the scheme stays. */
export function scanUrl(into: MaskedMessage, bytes: Uint8Array, end: number, at: number, colon: number): number {
  const from = matchScheme(bytes, at, end);
  if (from === 0) {
    into.copy(bytes, at, colon);
    return colon;
  }
  let next = from;
  let slash = false;
  while (next < end) {
    const byte = bytes[next] as number;
    if (
      ((CLASSES[byte] as number) & SPACE) !== 0 ||
      byte === 0x22 ||
      byte === 0x27 ||
      byte === 0x3e ||
      byte === 0x5d ||
      byte === CLOSE ||
      byte === 0x7d ||
      byte === 0x7c
    )
      break;
    if (byte === COMMA && !slash) break;
    if (byte === SLASH || byte === 0x40) slash = true;
    next += 1;
  }
  while (
    next > from &&
    (bytes[next - 1] === DOT || bytes[next - 1] === COMMA || bytes[next - 1] === 0x3b || bytes[next - 1] === COLON)
  )
    next -= 1;
  if (hasText(bytes, at, end, 'http://') || hasText(bytes, at, end, 'https://')) {
    into.variable(at, next, TYPE.url, SHAPE.plain);
    return next;
  }
  into.copy(bytes, at, from);
  let host = from;
  while (host < next && bytes[host] !== COLON) host += 1;
  const port = slash ? 0 : matchPort(bytes, host, end);
  into.variable(from, next, TYPE.url, port === next ? SHAPE.pair : SHAPE.plain);
  return next;
}

export function variableToBlank(into: MaskedMessage, bytes: Uint8Array, end: number, at: number, type: number): number {
  let next = at;
  while (next < end && ((CLASSES[bytes[next] as number] as number) & SPACE) === 0 && bytes[next] !== 0x22) next += 1;
  into.variable(at, next, type, SHAPE.plain);
  return next;
}
