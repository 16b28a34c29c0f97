import {
  CLASSES,
  classAt,
  DIGIT,
  hasText,
  isDigit,
  JOINT,
  LETTER,
  PATH_END,
  SEPARATOR,
  SPACE,
  skipDigits,
} from './byte-classes.js';
import { matchColonHex, matchHexNumber, matchIpv4, matchPort, matchScheme, matchUuid } from './match-address.js';
import { matchDate, matchTimeOfDay, matchWrittenDate } from './match-time.js';
import { SHAPE, shapeOf } from './shapes.js';
import { unitAt } from './units.js';
import { TYPE, VARIABLE_BYTE } from './variable-types.js';
import { isHostName, newWordParts, readWordParts, valuePartType } from './word-parts.js';

const BLANK = 0x20;
const DOT = 0x2e;
const DASH = 0x2d;
const SLASH = 0x2f;
const COLON = 0x3a;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN = 0x28;
const CLOSE = 0x29;

/** Longer messages are mined by their beginning. */
export const MAX_MESSAGE_BYTES = 4_096;
export const MAX_VARIABLES = 128;
/** So many numbers in a row are one list. */
const LIST_LENGTH = 10;

const BYTES_SHAPE = shapeOf('<*> bytes');
const BOTH_SIZES = shapeOf('<*> bytes (<*> KB)');

/**
 * Reads a message once, byte by byte, and leaves in its own fields what it found: the masked message (`out`, `length`), in
 * which each variable is one byte and white space is one blank, its 2 × 32 bit hash, and where each variable stands.
 * The fields are good until the next `scan`. One scanner for one thread; nothing is allocated per message.
 */
export class MessageScanner {
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

  readonly #parts = newWordParts();
  #run = 0;
  /** The last variable is a list that goes on. */
  #collapsed = false;
  #bytes: Uint8Array = new Uint8Array(0);
  #end = 0;

  scan(bytes: Uint8Array, start: number, end: number): void {
    this.length = 0;
    this.variables = 0;
    this.#run = 0;
    this.#collapsed = false;
    this.#bytes = bytes;
    this.cut = end - start > MAX_MESSAGE_BYTES;
    this.#end = this.cut ? start + MAX_MESSAGE_BYTES : end;
    const { out } = this;
    const stop = this.#end;
    let at = start;
    while (at < stop) {
      const kind = CLASSES[bytes[at] as number] as number;
      if ((kind & SEPARATOR) === 0) {
        at = this.#word(at);
        continue;
      }
      if ((kind & SPACE) === 0) {
        if (
          bytes[at] === OPEN &&
          bytes[at + 1] === CLOSE &&
          at + 1 < stop &&
          this.length > 0 &&
          out[this.length - 1] === BLANK
        ) {
          // An empty value in parentheses is a value: `from 1.2.3.4 ()`.
          out[this.length++] = OPEN;
          at += 1;
          this.#variable(at, at, TYPE.word, SHAPE.plain);
          continue;
        }
        out[this.length++] = bytes[at] as number;
        at += 1;
        continue;
      }
      at += 1;
      while (at < stop && ((CLASSES[bytes[at] as number] as number) & SPACE) !== 0) at += 1;
      if (at < stop && this.length > 0) out[this.length++] = BLANK;
    }
    this.#hash();
  }

  #hash(): void {
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

  #copy(start: number, end: number): void {
    const { out } = this;
    const bytes = this.#bytes;
    let length = this.length;
    for (let at = start; at < end; at += 1) out[length++] = bytes[at] as number;
    this.length = length;
  }

  /** Neighbours with nothing, or only a dot, between them are one variable; so are lists. */
  #variable(start: number, end: number, type: number, shape: number): void {
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

  /** One word, from its first byte; some take what follows with them (a port, a unit). @returns where to go on */
  #word(at: number): number {
    const bytes = this.#bytes;
    const end = this.#end;
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
          this.#variable(at, written.end, TYPE.timestamp, written.shape);
          return written.end;
        }
      } else if ((length === 4 || length === 5) && isConstant(bytes, at, stop, end)) {
        this.#variable(at, stop, TYPE.constant, SHAPE.plain);
        return stop;
      }
      if (bytes[stop] === COLON && stop + 1 < end) {
        const next = bytes[stop + 1] as number;
        if (next === SLASH && bytes[stop + 2] === SLASH) return this.#url(at, stop);
        if (length === 1 && next === BACKSLASH) return this.#toBlank(at, TYPE.path);
        if (length <= 4 && (flags & ~(LETTER | 16)) === 0) {
          const hex = matchColonHex(bytes, at, end);
          if (hex !== undefined) {
            this.#variable(at, hex.end, hex.mac ? TYPE.mac : TYPE.ip, SHAPE.plain);
            return hex.end;
          }
        }
      }
      this.#copy(at, stop);
      return stop;
    }
    const first = bytes[at] as number;
    if (first === SLASH && stop - at > 1) return this.#path(at);
    if (bytes[stop] === COLON && bytes[stop + 1] === SLASH && bytes[stop + 2] === SLASH && stop + 2 < end)
      return this.#url(at, stop);
    if (isDigit(first) || (first === DASH && isDigit(bytes[at + 1]) && at + 1 < stop)) return this.#number(at, stop);
    if (first === 0x3c && isDigit(bytes[at + 1]) && at + 1 < stop) return this.#number(at + 1, stop);
    if ((flags & DIGIT) === 0) {
      if (isHostName(bytes, at, stop, false)) return this.#withPort(at, stop, TYPE.host);
      this.#copy(at, stop);
      return stop;
    }
    return this.#mixed(at, stop);
  }

  /** Digits first: a number, an address, a date, a time, a version, a size. */
  #number(at: number, stop: number): number {
    const bytes = this.#bytes;
    const end = this.#end;
    const hex = matchHexNumber(bytes, at, end);
    if (hex > 0) return this.#rest(at, hex, stop, TYPE.hex);
    if (stop - at >= 36) {
      const uuid = matchUuid(bytes, at, end);
      if (uuid > 0) return this.#rest(at, uuid, stop, TYPE.uuid);
    }
    const digits = skipDigits(bytes, bytes[at] === DASH ? at + 1 : at, end);
    const after = bytes[digits];
    if (after === DOT && digits - at <= 3) {
      const ip = matchIpv4(bytes, at, end);
      if (ip > 0 && !(ip < stop && bytes[ip] === DOT && isHostName(bytes, at, stop, true)))
        return this.#address(at, ip);
    }
    if ((after === DASH || after === SLASH) && digits - at === 4) {
      const date = matchDate(bytes, at, end);
      if (date !== undefined) {
        this.#variable(at, date.end, TYPE.timestamp, date.shape);
        return date.end;
      }
    }
    if (after === COLON && digits < end) {
      const time = matchTimeOfDay(bytes, at, end);
      if (time !== undefined && bytes[time.end] !== COLON) {
        this.#variable(at, time.end, TYPE.timestamp, time.shape);
        return time.end;
      }
    }
    if (bytes[stop] === COLON && stop - at <= 4) {
      const colons = matchColonHex(bytes, at, end);
      if (colons !== undefined) {
        this.#variable(at, colons.end, colons.mac ? TYPE.mac : TYPE.ip, SHAPE.plain);
        return colons.end;
      }
    }
    if (digits < stop && isHostName(bytes, at, stop, true)) return this.#withPort(at, stop, TYPE.host);
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
        return this.#rest(at, next, stop, unit?.type ?? TYPE.number);
      }
      // A version goes on behind its dash: 2.6.5-1.358, 2.20.4-rh2.
      if (
        bytes[next] === DASH &&
        dots > 0 &&
        next + 1 < stop &&
        (classAt(bytes, next + 1, end) & (LETTER | DIGIT)) !== 0
      ) {
        this.#variable(at, stop, TYPE.identifier, SHAPE.plain);
        return stop;
      }
      this.#variable(at, next, TYPE.number, SHAPE.plain);
      return this.#tail(next, stop);
    }
    return this.#spacedUnit(at, next);
  }

  /** `5 KB`, `3 seconds`, `18846 bytes (18.4 KB)`: the number with its unit. */
  #spacedUnit(at: number, next: number): number {
    const bytes = this.#bytes;
    const end = this.#end;
    const unit = bytes[next] === BLANK && next + 1 < end ? unitAt(bytes, next + 1, end, true) : undefined;
    if (unit === undefined) {
      this.#variable(at, next, TYPE.number, SHAPE.plain);
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
    this.#variable(at, stop, unit.type, shape);
    return stop;
  }

  /** A variable takes what is glued to it with it, up to the next joint. */
  #rest(at: number, from: number, stop: number, type: number): number {
    const bytes = this.#bytes;
    let next = from;
    for (;;) {
      const glued = next;
      while (next < stop && ((CLASSES[bytes[next] as number] as number) & JOINT) === 0) next += 1;
      // 125312k/129720k
      if (next > glued && bytes[next] === SLASH && next + 1 < stop && isDigit(bytes[next + 1])) next += 1;
      else break;
    }
    this.#variable(at, next, type, SHAPE.plain);
    return next < stop ? this.#tail(next, stop) : stop;
  }

  /** What follows a variable within its word. */
  #tail(at: number, stop: number): number {
    let flags = 0;
    for (let next = at; next < stop; next += 1) flags |= CLASSES[this.#bytes[next] as number] as number;
    if ((flags & DIGIT) === 0) this.#copy(at, stop);
    else this.#byParts(at, stop);
    return stop;
  }

  /** An IPv4 address, with its port; several with commas are one list. */
  #address(at: number, stop: number): number {
    const bytes = this.#bytes;
    const end = this.#end;
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
    this.#variable(at, next, TYPE.ip, shape);
    return next;
  }

  #withPort(at: number, stop: number, type: number): number {
    const port = matchPort(this.#bytes, stop, this.#end);
    this.#variable(at, port > 0 ? port : stop, type, port > 0 ? SHAPE.pair : SHAPE.plain);
    return port > 0 ? port : stop;
  }

  /** `/var/log/x.log`, `/10.1.2.3:80`, `/v1/items?id=4 HTTP/1.1`. */
  #path(at: number): number {
    const bytes = this.#bytes;
    const end = this.#end;
    let next = at;
    let query = false;
    while (next < end) {
      const byte = bytes[next] as number;
      const kind = CLASSES[byte] as number;
      if ((kind & PATH_END) !== 0) {
        const inQuery =
          query && (kind & SPACE) === 0 && byte !== 0x22 && byte !== 0x27 && byte !== CLOSE && byte !== 0x5d;
        const inArchive = byte === 0x21 && bytes[next + 1] === SLASH;
        const inDrive =
          byte === COLON && next === at + 2 && (bytes[next + 1] === SLASH || bytes[next + 1] === BACKSLASH);
        if (!inQuery && !inArchive && !inDrive) break;
      }
      if (byte === 0x3f) query = true;
      next += 1;
    }
    const port = matchPort(bytes, next, end);
    if (port > 0) {
      this.#variable(at, port, isDigit(bytes[at + 1]) ? TYPE.ip : TYPE.path, SHAPE.pair);
      return port;
    }
    if (bytes[next] === BLANK && hasText(bytes, next + 1, end, 'http/')) {
      const version = skipDigits(bytes, next + 6, end);
      next = bytes[version] === DOT ? skipDigits(bytes, version + 1, end) : version;
    }
    this.#variable(
      at,
      next,
      isDigit(bytes[at + 1]) && matchIpv4(bytes, at + 1, end) > 0 ? TYPE.ip : TYPE.path,
      SHAPE.plain,
    );
    return next;
  }

  /** A web address is one variable; of another scheme's the scheme stays. */
  #url(at: number, colon: number): number {
    const bytes = this.#bytes;
    const end = this.#end;
    const from = matchScheme(bytes, at, end);
    if (from === 0) {
      this.#copy(at, colon);
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
      this.#variable(at, next, TYPE.url, SHAPE.plain);
      return next;
    }
    this.#copy(at, from);
    let host = from;
    while (host < next && bytes[host] !== COLON) host += 1;
    const port = slash ? 0 : matchPort(bytes, host, end);
    this.#variable(from, next, TYPE.url, port === next ? SHAPE.pair : SHAPE.plain);
    return next;
  }

  #toBlank(at: number, type: number): number {
    const bytes = this.#bytes;
    let next = at;
    while (next < this.#end && ((CLASSES[bytes[next] as number] as number) & SPACE) === 0 && bytes[next] !== 0x22)
      next += 1;
    this.#variable(at, next, type, SHAPE.plain);
    return next;
  }

  /** A word with digits that does not begin with one. */
  #mixed(at: number, stop: number): number {
    const bytes = this.#bytes;
    const end = this.#end;
    if (bytes[at] === BACKSLASH && isDigit(bytes[at + 1])) return this.#toBlank(at, TYPE.identifier);
    if (stop - at >= 36) {
      const uuid = matchUuid(bytes, at, end);
      if (uuid > 0) return this.#rest(at, uuid, stop, TYPE.uuid);
    }
    for (let slash = at + 1; slash < stop; slash += 1) {
      const joint = bytes[slash];
      if ((joint !== SLASH && joint !== 0x40) || !isDigit(bytes[slash + 1])) continue;
      const ip = matchIpv4(bytes, slash + 1, end);
      if (ip === 0) continue;
      if (joint === 0x40) {
        this.#byParts(at, slash + 1);
        return this.#address(slash + 1, ip);
      }
      // Java writes addresses as host/1.2.3.4:80.
      this.#variable(at, slash, TYPE.host, SHAPE.plain);
      this.out[this.length++] = SLASH;
      return this.#address(slash + 1, ip);
    }
    if (bytes[stop] === COLON && stop - at <= 4) {
      const hex = matchColonHex(bytes, at, end);
      if (hex !== undefined) {
        this.#variable(at, hex.end, hex.mac ? TYPE.mac : TYPE.ip, SHAPE.plain);
        return hex.end;
      }
    }
    const parts = this.#parts;
    readWordParts(bytes, at, stop, parts);
    if (parts.leader) this.#byParts(at, stop);
    else if (parts.numbered) return this.#whole(at, stop, TYPE.identifier);
    else if (isHostName(bytes, at, stop, true)) return this.#withPort(at, stop, TYPE.host);
    else if (parts.impure > 0 && parts.pure + parts.impure >= 2) return this.#whole(at, stop, TYPE.identifier);
    else if (
      parts.pure > 0 &&
      bytes[stop] === COLON &&
      isNamePart(bytes, at, stop) &&
      matchPort(bytes, stop, end) - stop >= 3
    ) {
      return this.#withPort(at, stop, TYPE.host);
    } else this.#byParts(at, stop);
    return stop;
  }

  /** A whole word, without the joints around it. */
  #whole(at: number, stop: number, type: number): number {
    const bytes = this.#bytes;
    let from = at;
    let to = stop;
    while (((CLASSES[bytes[from] as number] as number) & JOINT) !== 0) from += 1;
    while (((CLASSES[bytes[to - 1] as number] as number) & JOINT) !== 0) to -= 1;
    this.#copy(at, from);
    if (to === stop) return this.#withPort(from, to, type);
    this.#variable(from, to, type, SHAPE.plain);
    this.#copy(to, stop);
    return stop;
  }

  /** Each part between joints for itself: `core.1351` is `core.<*>`, `CPU#0` is `CPU#<*>`. */
  #byParts(at: number, stop: number): void {
    const bytes = this.#bytes;
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
      if (flags === DIGIT) this.#variable(next, partEnd, TYPE.number, SHAPE.plain);
      else {
        const type = flags === (DIGIT | LETTER) ? valuePartType(bytes, next, partEnd, next === at) : -1;
        if (type >= 0) this.#variable(next, partEnd, type, SHAPE.plain);
        else this.#copy(next, partEnd);
      }
      if (partEnd < stop) this.out[this.length++] = bytes[partEnd] as number;
      next = partEnd + 1;
    }
  }
}

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

function isConstant(bytes: Uint8Array, at: number, stop: number, end: number): boolean {
  if (stop - at === 4)
    return hasText(bytes, at, end, 'true') || hasText(bytes, at, end, 'null') || hasText(bytes, at, end, 'root');
  return hasText(bytes, at, end, 'false') || hasText(bytes, at, end, 'admin');
}
