import { classAt, isDigit, LETTER, SPACE, skipDigits } from './byte-classes.js';
import { SHAPE } from './shapes.js';

const COLON = 0x3a;
const DOT = 0x2e;
const COMMA = 0x2c;
const DASH = 0x2d;
const SLASH = 0x2f;

export interface TimeMatch {
  readonly end: number;
  readonly shape: number;
}

/** `12:30`, `12:30:59`, with fractions; not when letters or more parts follow. */
export function matchTimeOfDay(bytes: Uint8Array, at: number, end: number): TimeMatch | undefined {
  const hours = skipDigits(bytes, at, Math.min(end, at + 3));
  if (hours - at < 1 || hours - at > 2 || bytes[hours] !== COLON || hours >= end) return undefined;
  const minutes = skipDigits(bytes, hours + 1, Math.min(end, hours + 4));
  if (minutes - hours !== 3) return undefined;
  let next = minutes;
  let shape: number = SHAPE.pair;
  if (bytes[next] === COLON && next < end) {
    const seconds = skipDigits(bytes, next + 1, Math.min(end, next + 4));
    if (seconds - next === 3) {
      next = seconds;
      shape = SHAPE.triple;
      if (
        (bytes[next] === DOT || bytes[next] === COMMA || bytes[next] === COLON) &&
        isDigit(bytes[next + 1]) &&
        next + 1 < end
      ) {
        const fraction = skipDigits(bytes, next + 1, end);
        if (fraction - next - 1 >= 3 && fraction - next - 1 <= 9) next = fraction;
      }
    }
  }
  if ((classAt(bytes, next, end) & LETTER) !== 0 && bytes[next] !== 0x5a) return undefined;
  if (bytes[next] === 0x5a && next < end) next += 1;
  return { end: next, shape };
}

/** `2017-05-16`, `2017/7/3`, `2017-05-16T05:00:00.123Z`, `2017-05-16_05:00:00`. */
export function matchDate(bytes: Uint8Array, at: number, end: number): TimeMatch | undefined {
  if (skipDigits(bytes, at, Math.min(end, at + 5)) !== at + 4) return undefined;
  const joint = bytes[at + 4];
  if (joint !== DASH && joint !== SLASH) return undefined;
  const month = skipDigits(bytes, at + 5, Math.min(end, at + 8));
  if (month - at - 5 < 1 || month - at - 5 > 2 || bytes[month] !== joint || month >= end) return undefined;
  const day = skipDigits(bytes, month + 1, Math.min(end, month + 4));
  if (day - month - 1 < 1 || day - month - 1 > 2) return undefined;
  const shape = joint === DASH ? SHAPE.dashedDate : SHAPE.slashedDate;
  const glue = bytes[day];
  if (day < end && (glue === 0x54 || glue === 0x74 || glue === 0x5f)) {
    const time = matchTimeOfDay(bytes, day + 1, end);
    if (time === undefined) return glue === 0x5f ? { end: skipDigits(bytes, day + 1, end), shape } : undefined;
    return { end: matchZone(bytes, time.end, end), shape: SHAPE.plain };
  }
  return (classAt(bytes, day, end) & LETTER) === 0 ? { end: day, shape } : undefined;
}

/** `+01:00`, `-0700` directly after a time. */
function matchZone(bytes: Uint8Array, at: number, end: number): number {
  const sign = bytes[at];
  if (at >= end || (sign !== 0x2b && sign !== DASH)) return at;
  const hours = skipDigits(bytes, at + 1, end);
  if (hours - at === 5) return hours;
  if (hours - at !== 3) return at;
  if (bytes[hours] !== COLON) return hours;
  const minutes = skipDigits(bytes, hours + 1, end);
  return minutes - hours === 3 ? minutes : at;
}

const WEEKDAYS = new Set(['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']);
const MONTHS = new Set(['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']);

function threeLetters(bytes: Uint8Array, at: number): string {
  return String.fromCharCode((bytes[at] ?? 0) | 0x20, (bytes[at + 1] ?? 0) | 0x20, (bytes[at + 2] ?? 0) | 0x20);
}

const skipSpaces = (bytes: Uint8Array, at: number, end: number): number => {
  let next = at;
  while (next < end && (classAt(bytes, next, end) & SPACE) !== 0) next += 1;
  return next;
};

/** `Fri Jul  1 07:57:30 2005`, `Jul 1 07:57:30`, `Thu Jul 07 14:36:20 PDT 2005`: the C library's dates. */
export function matchWrittenDate(bytes: Uint8Array, at: number, end: number): TimeMatch | undefined {
  let next = at;
  const first = threeLetters(bytes, next);
  if (WEEKDAYS.has(first)) {
    next = skipSpaces(bytes, next + 3, end);
    if (next === at + 3) return undefined;
  }
  if (next + 3 >= end || !MONTHS.has(threeLetters(bytes, next))) return undefined;
  const dayAt = skipSpaces(bytes, next + 3, end);
  const dayEnd = skipDigits(bytes, dayAt, end);
  if (dayAt === next + 3 || dayEnd === dayAt || dayEnd - dayAt > 2) return undefined;
  const timeAt = skipSpaces(bytes, dayEnd, end);
  const time = matchTimeOfDay(bytes, timeAt, end);
  if (time === undefined || timeAt === dayEnd) return undefined;
  let last = time.end;
  // A zone of capitals, then a year, both optional.
  let ahead = skipSpaces(bytes, last, end);
  let zone = ahead;
  while (zone < end && zone - ahead < 5 && (bytes[zone] as number) >= 0x41 && (bytes[zone] as number) <= 0x5a)
    zone += 1;
  if (zone - ahead >= 3 && (classAt(bytes, zone, end) & SPACE) !== 0) ahead = skipSpaces(bytes, zone, end);
  const year = skipDigits(bytes, ahead, end);
  if (year - ahead === 4 && (classAt(bytes, year, end) & LETTER) === 0) last = year;
  return { end: last, shape: time.shape };
}
