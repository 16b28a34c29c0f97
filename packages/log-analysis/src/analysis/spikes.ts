/** A bucket with far more lines than usual. */
export interface Spike {
  readonly bucket: number;
  readonly count: number;
  /** What is usual: the median. */
  readonly usual: number;
  /** Robust z: how many deviations above it. */
  readonly z: number;
}

const NEEDED_Z = 6;
const NEEDED_COUNT = 10;
const NEEDED_BUCKETS = 8;

/** Buckets that stand out by median and median absolute deviation; the deviation is at least that of chance (√median, 1). */
export function findSpikes(series: Uint32Array, used: number): Spike[] {
  if (used < NEEDED_BUCKETS) return [];
  const values = Array.from(series.subarray(0, used));
  const usual = median(values);
  const mad = median(values.map((value) => Math.abs(value - usual)));
  const deviation = Math.max(1.4826 * mad, Math.sqrt(usual), 1);
  return values
    .map((count, bucket) => ({ bucket, count, usual, z: (count - usual) / deviation }))
    .filter(({ z, count }) => z >= NEEDED_Z && count >= NEEDED_COUNT);
}

export function median(values: readonly number[]): number {
  if (values.length === 0) return 0;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

/** Pearson's r of two series; 0 where one is constant. */
export function correlation(a: Uint32Array, b: Uint32Array, used: number): number {
  let sumA = 0;
  let sumB = 0;
  for (let at = 0; at < used; at += 1) {
    sumA += a[at] as number;
    sumB += b[at] as number;
  }
  const meanA = sumA / used;
  const meanB = sumB / used;
  let both = 0;
  let squareA = 0;
  let squareB = 0;
  for (let at = 0; at < used; at += 1) {
    const x = (a[at] as number) - meanA;
    const y = (b[at] as number) - meanB;
    both += x * y;
    squareA += x * x;
    squareB += y * y;
  }
  return squareA === 0 || squareB === 0 ? 0 : both / Math.sqrt(squareA * squareB);
}
