import { isDigit, skipDigits } from '../scanner/byte-classes.js';

const MONTHS = 'janfebmaraprmayjunjulaugsepoctnovdec';

/** The milliseconds of the last timestamp read, and where it ended (0: there was none). Allocates nothing. */
export class TimestampReader {
  ms = Number.NaN;
  end = 0;
  /** For dates without a year. */
  readonly #now: () => number;
  #dayKey = -1;
  #dayMs = 0;

  constructor(options: { readonly now: () => number }) {
    this.#now = options.now;
  }

  /** Any of the usual shapes at `at`: ISO 8601 and its relatives, the C library's, `31/Dec/2024:…`, seconds or milliseconds. */
  read(bytes: Uint8Array, at: number, stop: number): boolean {
    this.end = 0;
    const first = bytes[at];
    if (at >= stop || first === undefined) return false;
    if (isDigit(first)) return this.#digits(bytes, at, stop);
    return this.#month(bytes, at, stop);
  }

  #digits(bytes: Uint8Array, at: number, stop: number): boolean {
    const run = skipDigits(bytes, at, stop) - at;
    const after = bytes[at + run];
    if (run === 4 && (after === 0x2d || after === 0x2f || after === 0x2e)) return this.#yearFirst(bytes, at, stop);
    if (run === 8 && at + run < stop) return this.#compact(bytes, at, stop);
    if (run === 2 && after === 0x2f && isDigit(bytes[at + 3])) return this.#slashes(bytes, at, stop);
    if (run === 10 || run === 13) return this.#epoch(bytes, at, run, stop);
    if (run <= 2 && run > 0) return this.#dayMonthName(bytes, at, run, stop);
    return false;
  }

  /** 2024-05-06T07:08:09.123Z, 2024/05/06 07:08:09,123 +0200 */
  #yearFirst(bytes: Uint8Array, at: number, stop: number): boolean {
    const joint = bytes[at + 4];
    if (at + 10 > stop || bytes[at + 7] !== joint) return false;
    const month = two(bytes, at + 5);
    const day = two(bytes, at + 8);
    if (!validDay(month, day)) return false;
    const glue = bytes[at + 10];
    if (
      at + 10 >= stop ||
      (glue !== 0x20 && glue !== 0x54 && glue !== 0x74 && glue !== 0x5f && glue !== 0x2d && glue !== 0x3a)
    ) {
      return false;
    }
    const year = two(bytes, at) * 100 + two(bytes, at + 2);
    return this.#time(bytes, at + 11, stop, this.#day(year, month, day));
  }

  /** 20171223-22:15:29:606, 20240506T070809 */
  #compact(bytes: Uint8Array, at: number, stop: number): boolean {
    const month = two(bytes, at + 4);
    const day = two(bytes, at + 6);
    const year = two(bytes, at) * 100 + two(bytes, at + 2);
    if (!validDay(month, day) || year < 1970 || year > 2200) return false;
    return this.#time(bytes, at + 9, stop, this.#day(year, month, day));
  }

  /** 17/06/09 20:10:40 (year first), 10/30/2024 16:49:06, 30/12/2024 …; where both fit, the month comes first. */
  #slashes(bytes: Uint8Array, at: number, stop: number): boolean {
    const a = two(bytes, at);
    const b = two(bytes, at + 3);
    if (at + 9 > stop || bytes[at + 5] !== 0x2f) return false;
    const run = skipDigits(bytes, at + 6, stop) - at - 6;
    if (run === 2) {
      const c = two(bytes, at + 6);
      return validDay(b, c) && this.#time(bytes, at + 9, stop, this.#day(2000 + a, b, c));
    }
    if (run !== 4) return false;
    const year = two(bytes, at + 6) * 100 + two(bytes, at + 8);
    const monthFirst = validDay(a, b);
    if (!monthFirst && !validDay(b, a)) return false;
    return this.#time(bytes, at + 11, stop, monthFirst ? this.#day(year, a, b) : this.#day(year, b, a));
  }

  /** 10/Oct/2000:13:55:36 -0700, 10 Oct 2000 13:55:36 */
  #dayMonthName(bytes: Uint8Array, at: number, run: number, stop: number): boolean {
    const joint = bytes[at + run];
    if (joint !== 0x2f && joint !== 0x20 && joint !== 0x2d) return false;
    const month = monthAt(bytes, at + run + 1, stop);
    if (month === 0 || bytes[at + run + 4] !== joint) return false;
    const yearAt = at + run + 5;
    if (skipDigits(bytes, yearAt, stop) !== yearAt + 4) return false;
    const day = run === 2 ? two(bytes, at) : (bytes[at] as number) - 48;
    const year = two(bytes, yearAt) * 100 + two(bytes, yearAt + 2);
    return validDay(month, day) && this.#time(bytes, yearAt + 5, stop, this.#day(year, month, day));
  }

  /** Oct 11 22:14:15, Fri Jul  1 07:57:30 2005: without a year the latest that is not in the future. */
  #month(bytes: Uint8Array, from: number, stop: number): boolean {
    let at = from;
    let month = monthAt(bytes, at, stop);
    if (month === 0) {
      if (bytes[at + 3] === 0x2c) at += 1;
      if (bytes[at + 3] !== 0x20) return false;
      at += 4;
      month = monthAt(bytes, at, stop);
      if (month === 0) return false;
    }
    at += 3;
    if (bytes[at] !== 0x20) return false;
    while (bytes[at] === 0x20) at += 1;
    const dayEnd = skipDigits(bytes, at, stop);
    if (dayEnd === at || dayEnd - at > 2 || bytes[dayEnd] !== 0x20) return false;
    const day = dayEnd - at === 2 ? two(bytes, at) : (bytes[at] as number) - 48;
    if (!validDay(month, day)) return false;
    at = dayEnd + 1;
    if (skipDigits(bytes, at, stop) === at + 4) {
      const year = two(bytes, at) * 100 + two(bytes, at + 2);
      return this.#time(bytes, at + 5, stop, this.#day(year, month, day));
    }
    const now = this.#now();
    const year = new Date(now).getUTCFullYear();
    if (!this.#time(bytes, at, stop, this.#day(year, month, day))) return false;
    if (bytes[this.end] === 0x20 && skipDigits(bytes, this.end + 1, stop) === this.end + 5) {
      const written = two(bytes, this.end + 1) * 100 + two(bytes, this.end + 3);
      this.ms += this.#day(written, month, day) - this.#day(year, month, day);
      this.end += 5;
    } else if (this.ms > now + 86_400_000) this.ms += this.#day(year - 1, month, day) - this.#day(year, month, day);
    return true;
  }

  #epoch(bytes: Uint8Array, at: number, run: number, stop: number): boolean {
    let value = 0;
    for (let index = 0; index < run; index += 1) value = value * 10 + (bytes[at + index] as number) - 48;
    let end = at + run;
    let ms = run === 13 ? value : value * 1_000;
    if (run === 10 && bytes[end] === 0x2e) {
      const fraction = skipDigits(bytes, end + 1, stop);
      ms += readFraction(bytes, end + 1, fraction);
      end = fraction;
    }
    // From 2001 to 2100.
    if (ms < 978_307_200_000 || ms > 4_102_444_800_000) return false;
    this.ms = ms;
    this.end = end;
    return true;
  }

  /** hh:mm:ss or hhmmss, a fraction, a zone. */
  #time(bytes: Uint8Array, at: number, stop: number, dayMs: number): boolean {
    if (at + 6 > stop) return false;
    let end: number;
    let seconds: number;
    if (bytes[at + 2] === 0x3a) {
      if (at + 8 > stop || bytes[at + 5] !== 0x3a || !isDigit(bytes[at + 7])) return false;
      seconds = two(bytes, at) * 3_600 + two(bytes, at + 3) * 60 + two(bytes, at + 6);
      end = at + 8;
    } else {
      if (skipDigits(bytes, at, at + 6) !== at + 6) return false;
      seconds = two(bytes, at) * 3_600 + two(bytes, at + 2) * 60 + two(bytes, at + 4);
      end = at + 6;
    }
    if (!(seconds >= 0 && seconds <= 86_400)) return false;
    let ms = dayMs + seconds * 1_000;
    const point = bytes[end];
    if (end + 1 < stop && (point === 0x2e || point === 0x2c || point === 0x3a) && isDigit(bytes[end + 1])) {
      const fraction = skipDigits(bytes, end + 1, stop);
      ms += readFraction(bytes, end + 1, fraction);
      end = fraction;
    }
    if (bytes[end] === 0x5a && end < stop) end += 1;
    else {
      const zoneAt = bytes[end] === 0x20 ? end + 1 : end;
      const sign = bytes[zoneAt];
      if (
        zoneAt + 5 <= stop &&
        (sign === 0x2b || sign === 0x2d) &&
        isDigit(bytes[zoneAt + 1]) &&
        isDigit(bytes[zoneAt + 2])
      ) {
        const minutesAt = bytes[zoneAt + 3] === 0x3a ? zoneAt + 4 : zoneAt + 3;
        if (isDigit(bytes[minutesAt]) && isDigit(bytes[minutesAt + 1])) {
          const offset = (two(bytes, zoneAt + 1) * 60 + two(bytes, minutesAt)) * 60_000;
          ms += sign === 0x2b ? -offset : offset;
          end = minutesAt + 2;
        }
      }
    }
    this.ms = ms;
    this.end = end;
    return true;
  }

  #day(year: number, month: number, day: number): number {
    const key = year * 512 + month * 32 + day;
    if (key !== this.#dayKey) {
      this.#dayKey = key;
      this.#dayMs = Date.UTC(year, month - 1, day);
    }
    return this.#dayMs;
  }
}

/** NaN-free only for digits: callers compare ranges, and NaN fails every comparison. */
function two(bytes: Uint8Array, at: number): number {
  const a = (bytes[at] as number) - 48;
  const b = (bytes[at + 1] as number) - 48;
  return a >= 0 && a <= 9 && b >= 0 && b <= 9 ? a * 10 + b : Number.NaN;
}

const validDay = (month: number, day: number): boolean => month >= 1 && month <= 12 && day >= 1 && day <= 31;

function readFraction(bytes: Uint8Array, at: number, end: number): number {
  let value = 0;
  let scale = 100;
  for (let index = at; index < end && index < at + 6; index += 1) {
    value += ((bytes[index] as number) - 48) * scale;
    scale /= 10;
  }
  return Math.floor(value);
}

function monthAt(bytes: Uint8Array, at: number, stop: number): number {
  if (at + 3 > stop) return 0;
  const a = (bytes[at] as number) | 0x20;
  const b = (bytes[at + 1] as number) | 0x20;
  const c = (bytes[at + 2] as number) | 0x20;
  for (let month = 0; month < 12; month += 1) {
    if (
      MONTHS.charCodeAt(month * 3) === a &&
      MONTHS.charCodeAt(month * 3 + 1) === b &&
      MONTHS.charCodeAt(month * 3 + 2) === c
    ) {
      return month + 1;
    }
  }
  return 0;
}
