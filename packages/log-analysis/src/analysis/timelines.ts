export const BUCKETS = 512;
const MINUTE_MS = 60_000;
/** A bucket is never longer: 512 days in all; times outside are outliers. */
const MAX_WIDTH = 1_440;

export type Series = Uint32Array;

/**
 * Counts per minute for any number of series on one axis of 512 buckets. When the times span more, all series halve their
 * resolution together, so that memory does not grow with time.
 */
export class Timelines {
  readonly #series = new Set<Series>();
  #base: number | undefined;
  #width = 1;
  #last = 0;
  outliers = 0;

  newSeries(): Series {
    const series = new Uint32Array(BUCKETS);
    this.#series.add(series);
    return series;
  }

  /** Counts one line at this time. */
  add(series: Series, ms: number): void {
    const bucket = this.bucketOf(ms);
    if (bucket >= 0) series[bucket] = (series[bucket] as number) + 1;
  }

  drop(series: Series): void {
    this.#series.delete(series);
  }

  /** Minutes per bucket. */
  get width(): number {
    return this.#width;
  }

  /** Buckets from the first to the last that has a count. */
  get used(): number {
    return this.#base === undefined ? 0 : this.#last + 1;
  }

  startOf(bucket: number): number {
    return ((this.#base ?? 0) + bucket * this.#width) * MINUTE_MS;
  }

  /** The bucket of a time, or -1 for an outlier. The axis may change: look at series afterwards only. */
  bucketOf(ms: number): number {
    const minute = Math.floor(ms / MINUTE_MS);
    if (this.#base === undefined) {
      this.#base = minute;
      return 0;
    }
    let index = Math.floor((minute - this.#base) / this.#width);
    if (index >= 0 && index < BUCKETS) {
      if (index > this.#last) this.#last = index;
      return index;
    }
    const low = Math.min(minute, this.#base);
    const high = Math.max(minute, this.#base + this.#last * this.#width);
    if (high - low + 1 > MAX_WIDTH * (BUCKETS - 2)) {
      this.outliers += 1;
      return -1;
    }
    let width = this.#width;
    while (Math.floor(high / width) - Math.floor(low / width) >= BUCKETS) width *= 2;
    this.#rescale(Math.floor(low / width) * width, width);
    index = Math.floor((minute - this.#base) / this.#width);
    if (index > this.#last) this.#last = index;
    return index;
  }

  #rescale(base: number, width: number): void {
    const oldBase = this.#base as number;
    const oldWidth = this.#width;
    const place = (bucket: number): number => Math.floor((oldBase + bucket * oldWidth - base) / width);
    const lastOld = this.#last;
    for (const series of this.#series) {
      const old = series.slice(0, lastOld + 1);
      series.fill(0);
      for (let bucket = 0; bucket <= lastOld; bucket += 1) {
        const target = place(bucket);
        series[target] = (series[target] as number) + (old[bucket] as number);
      }
    }
    this.#base = base;
    this.#width = width;
    this.#last = place(lastOld);
  }
}
