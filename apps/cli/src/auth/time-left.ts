const UNITS = [
  { suffix: 'd', ms: 86_400_000, from: 2 },
  { suffix: 'h', ms: 3_600_000, from: 2 },
  { suffix: 'm', ms: 60_000, from: 2 },
  { suffix: 's', ms: 1_000, from: 0 },
] as const;

/** A span for people, in one unit, rounded down: `43m`, `5h`, `0s`. */
export function timeLeft(ms: number): string {
  const span = Math.abs(ms);
  const unit = UNITS.find(({ ms, from }) => span >= from * ms) ?? UNITS[3];
  return `${Math.floor(span / unit.ms)}${unit.suffix}`;
}
