const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** `500ms`, `30s`, `5m`, `1h`, `7d`, or a number of seconds. @returns ms, or `undefined` where it is none of these. */
export function parseDuration(value: string | number): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) && value >= 0 ? Math.round(value * 1_000) : undefined;
  const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?$/.exec(value.trim());
  if (match === null) return undefined;
  const unit = (match[2] ?? 's') as keyof typeof UNITS;
  return Math.round(Number(match[1]) * UNITS[unit]);
}

/** Milliseconds as they are written in the file, in the largest unit that divides them: 120000 → `2m`. */
export function formatDuration(ms: number): string {
  const unit = (['d', 'h', 'm', 's'] as const).find((unit) => ms !== 0 && ms % UNITS[unit] === 0) ?? 'ms';
  return ms === 0 ? '0s' : `${ms / UNITS[unit]}${unit}`;
}
