import { z } from 'zod';

/** Minute, hour, day of the month, month, day of the week (0 and 7 are Sunday). */
const RANGES = [
  [0, 59],
  [0, 23],
  [1, 31],
  [1, 12],
  [0, 7],
] as const;

const EXPECTED = 'expected five fields of a cron pattern like `30 4 * * 1-5` (UTC)';

/** When something begins by itself: numbers, `*`, lists, ranges and steps; no names. */
export const cronPattern = z.string().refine(isCronPattern, EXPECTED);

export function isCronPattern(text: string): boolean {
  const fields = text.trim().split(/\s+/);
  return (
    fields.length === RANGES.length &&
    fields.every((field, index) => {
      const [least = 0, most = 0] = RANGES[index] ?? [];
      return field.split(',').every((part) => isPart(part, least, most));
    })
  );
}

function isPart(part: string, least: number, most: number): boolean {
  const [, from, to, step] = /^(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:\/(\d{1,2}))?$/.exec(part) ?? [undefined];
  if (!/^[*\d]/.test(part) || (part.startsWith('*') ? !/^\*(\/\d{1,2})?$/.test(part) : from === undefined))
    return false;
  const first = from === undefined ? least : Number(from);
  const last = to === undefined ? first : Number(to);
  const steps = step === undefined ? 1 : Number(step);
  return first >= least && last <= most && first <= last && steps >= 1 && steps <= most;
}
