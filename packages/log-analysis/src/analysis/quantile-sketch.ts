/** Relative error of every quantile. */
export const RELATIVE_ACCURACY = 0.01;
const GAMMA = (1 + RELATIVE_ACCURACY) / (1 - RELATIVE_ACCURACY);
const LOG_GAMMA = Math.log(GAMMA);
/** From 10⁻³ to 10¹² in steps of 2 %: the lowest are joined when more would be needed. */
const MAX_BINS = 1_800;
const SMALLEST = 1e-3;

/**
 * DDSketch (Masson, Rim, Lee: VLDB 2019): counts in logarithmic bins; any quantile within 1 % of its value, in bounded memory;
 * two sketches can be added.
 */
export class QuantileSketch {
  count = 0;
  sum = 0;
  min = Number.POSITIVE_INFINITY;
  max = 0;
  #zeros = 0;
  #bins = new Float64Array(0);
  #offset = 0;

  add(value: number, weight = 1): void {
    if (!(value >= 0) || value === Number.POSITIVE_INFINITY) return;
    this.count += weight;
    this.sum += value * weight;
    if (value < this.min) this.min = value;
    if (value > this.max) this.max = value;
    if (value <= SMALLEST) this.#zeros += weight;
    else this.#put(Math.ceil(Math.log(value) / LOG_GAMMA), weight);
  }

  #put(key: number, weight: number): void {
    let index = key - this.#offset;
    if (index < 0 || index >= this.#bins.length) {
      this.#grow(key);
      index = Math.max(0, key - this.#offset);
    }
    this.#bins[index] = (this.#bins[index] as number) + weight;
  }

  #grow(key: number): void {
    if (this.#bins.length === 0) {
      this.#bins = new Float64Array(32);
      this.#offset = key - 16;
      return;
    }
    let first = 0;
    let last = this.#bins.length - 1;
    while (first < last && this.#bins[first] === 0) first += 1;
    while (last > first && this.#bins[last] === 0) last -= 1;
    const low = Math.min(this.#offset + first, key);
    const high = Math.max(this.#offset + last, key);
    const span = high - low + 1;
    const length = Math.min(MAX_BINS, span * 2);
    // Room on the side that grew; what falls below the lowest bin is counted in it.
    const offset = span > MAX_BINS ? high - MAX_BINS + 1 : key === low ? high - length + 1 : low;
    const bins = new Float64Array(length);
    for (let at = 0; at < this.#bins.length; at += 1) {
      const count = this.#bins[at] as number;
      if (count === 0) continue;
      const target = Math.max(0, at + this.#offset - offset);
      bins[target] = (bins[target] as number) + count;
    }
    this.#bins = bins;
    this.#offset = offset;
  }

  merge(other: QuantileSketch): void {
    if (other.count === 0) return;
    this.count += other.count;
    this.sum += other.sum;
    this.min = Math.min(this.min, other.min);
    this.max = Math.max(this.max, other.max);
    this.#zeros += other.#zeros;
    for (let at = 0; at < other.#bins.length; at += 1) {
      const weight = other.#bins[at] as number;
      if (weight > 0) this.#put(at + other.#offset, weight);
    }
  }

  /** @param q 0 … 1; NaN where nothing was added */
  quantile(q: number): number {
    if (this.count === 0) return Number.NaN;
    const rank = q * (this.count - 1);
    let seen = this.#zeros;
    if (rank < seen) return Math.min(this.min, SMALLEST);
    for (let at = 0; at < this.#bins.length; at += 1) {
      seen += this.#bins[at] as number;
      if (seen > rank) {
        const value = (2 * GAMMA ** (at + this.#offset)) / (GAMMA + 1);
        return Math.min(this.max, Math.max(this.min, value));
      }
    }
    return this.max;
  }
}
