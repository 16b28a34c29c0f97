import { CLASSES, DIGIT, LETTER } from './byte-classes.js';
import { shapeOf } from './shapes.js';
import { TYPE } from './variable-types.js';

export interface Unit {
  readonly text: string;
  readonly type: number;
  /** Milliseconds or bytes. */
  readonly factor: number;
  /** Written after a space: `<*> KB`. */
  readonly shape: number;
  /** Bytes of its name. */
  readonly length: number;
}

const SIZES: readonly (readonly [string, number])[] = [
  ['B', 1],
  ['byte', 1],
  ['bytes', 1],
  ['KB', 1024],
  ['kB', 1000],
  ['KiB', 1024],
  ['MB', 1024 ** 2],
  ['MiB', 1024 ** 2],
  ['GB', 1024 ** 3],
  ['GiB', 1024 ** 3],
  ['TB', 1024 ** 4],
  ['TiB', 1024 ** 4],
];

const DURATIONS: readonly (readonly [string, number])[] = [
  ['ns', 1e-6],
  ['us', 1e-3],
  ['µs', 1e-3],
  ['ms', 1],
  ['msec', 1],
  ['msecs', 1],
  ['millis', 1],
  ['milliseconds', 1],
  ['microseconds', 1e-3],
  ['s', 1_000],
  ['sec', 1_000],
  ['secs', 1_000],
  ['second', 1_000],
  ['seconds', 1_000],
  ['m', 60_000],
  ['min', 60_000],
  ['mins', 60_000],
  ['minute', 60_000],
  ['minutes', 60_000],
  ['h', 3_600_000],
  ['hour', 3_600_000],
  ['hours', 3_600_000],
];

const unit = (type: number) => {
  return ([text, factor]: readonly [string, number]): Unit => ({
    text,
    type,
    factor,
    shape: shapeOf(`<*> ${text}`),
    length: new TextEncoder().encode(text).length,
  });
};

export const UNITS: readonly Unit[] = [...SIZES.map(unit(TYPE.size)), ...DURATIONS.map(unit(TYPE.duration))];

/** Of one letter after a space is rather a word than a unit, but for bytes and seconds. */
const AMBIGUOUS = new Set(['m', 'h']);
const LONGEST = Math.max(...UNITS.map(({ text }) => text.length));
const byFirstByte: readonly (readonly (readonly [Uint8Array, Unit])[])[] = Array.from({ length: 256 }, (_, first) =>
  UNITS.map((each) => [new TextEncoder().encode(each.text), each] as const).filter(([bytes]) => bytes[0] === first),
);

/** The unit that is exactly the word at `at`, after a space (`spaced`) or glued to its number. */
export function unitAt(bytes: Uint8Array, at: number, end: number, spaced: boolean): Unit | undefined {
  if (at >= end) return undefined;
  const candidates = byFirstByte[bytes[at] as number] as readonly (readonly [Uint8Array, Unit])[];
  if (candidates.length === 0) return undefined;
  let stop = at;
  while (stop < end && ((CLASSES[bytes[stop] as number] as number) & (LETTER | DIGIT)) !== 0) {
    stop += 1;
    if (stop - at > LONGEST + 1) return undefined;
  }
  for (const [name, found] of candidates) {
    if (name.length !== stop - at || (spaced && AMBIGUOUS.has(found.text))) continue;
    if (name.every((byte, index) => bytes[at + index] === byte)) return found;
  }
  return undefined;
}
