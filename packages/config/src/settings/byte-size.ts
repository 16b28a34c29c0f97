const UNITS = { b: 1, kb: 1_024, mb: 1_048_576, gb: 1_073_741_824 } as const;

/** `512kb`, `32mb`, or a number of bytes. @returns bytes, or `undefined` where it is none of these. */
export function parseByteSize(value: string | number): number | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
  const match = /^(\d+(?:\.\d+)?)\s*(b|kb|mb|gb)?$/i.exec(value.trim());
  if (match === null) return undefined;
  const unit = (match[2] ?? 'b').toLowerCase() as keyof typeof UNITS;
  return Math.round(Number(match[1]) * UNITS[unit]);
}

/** Bytes as they are written in the file, in the largest unit that divides them: 33554432 → `32mb`. */
export function formatByteSize(bytes: number): string {
  const unit = (['gb', 'mb', 'kb'] as const).find((unit) => bytes !== 0 && bytes % UNITS[unit] === 0) ?? 'b';
  return `${bytes / UNITS[unit]}${unit}`;
}
