/** Values that are counted per variable; the error of a count is at most that of the rarest of them. */
export const TOP_VALUES = 16;
const MAX_VALUE_CHARACTERS = 64;

export interface ValueCount {
  readonly value: string;
  readonly count: number;
  /** The count may be too high by this much. */
  readonly error: number;
}

/** Space-saving (Metwally, Agrawal, El Abbadi 2005): the most frequent values of a stream with 16 counters. */
export class TopValues {
  // Plain arrays: most variables show one value or two.
  readonly #hashes: number[] = [];
  readonly #counts: number[] = [];
  readonly #errors: number[] = [];
  readonly #values: string[] = [];
  total = 0;

  add(bytes: Uint8Array, start: number, end: number, weight = 1): void {
    let hash = 0x811c9dc5;
    for (let at = start; at < end; at += 1) hash = Math.imul(hash ^ (bytes[at] as number), 0x01000193);
    hash >>>= 0;
    this.total += weight;
    const { length } = this.#values;
    for (let index = 0; index < length; index += 1) {
      if (this.#hashes[index] === hash) {
        this.#counts[index] = (this.#counts[index] as number) + weight;
        return;
      }
    }
    const stop = Math.min(end, start + MAX_VALUE_CHARACTERS);
    this.#replace(hash, Buffer.from(bytes.buffer, bytes.byteOffset + start, stop - start).toString('utf8'), weight, 0);
  }

  addText(value: string, weight = 1): void {
    const bytes = Buffer.from(value);
    this.add(bytes, 0, bytes.length, weight);
  }

  #replace(hash: number, value: string, weight: number, error: number): void {
    let index = this.#values.length;
    if (index < TOP_VALUES) {
      this.#values.push(value);
      this.#counts[index] = weight;
      this.#errors[index] = error;
    } else {
      index = 0;
      for (let at = 1; at < TOP_VALUES; at += 1)
        if ((this.#counts[at] as number) < (this.#counts[index] as number)) index = at;
      const least = this.#counts[index] as number;
      this.#values[index] = value;
      this.#counts[index] = least + weight;
      this.#errors[index] = least + error;
    }
    this.#hashes[index] = hash;
  }

  merge(other: TopValues): void {
    this.total += other.total;
    other.#values.forEach((value, at) => {
      const hash = other.#hashes[at] as number;
      const index = this.#values.findIndex((_, mine) => this.#hashes[mine] === hash);
      const count = other.#counts[at] as number;
      const error = other.#errors[at] as number;
      if (index === -1) this.#replace(hash, value, count, error);
      else {
        this.#counts[index] = (this.#counts[index] as number) + count;
        this.#errors[index] = (this.#errors[index] as number) + error;
      }
    });
  }

  /** The most frequent first; values that may be there by chance only are left out. */
  list(most: number): ValueCount[] {
    return this.#values
      .map((value, index) => ({ value, count: this.#counts[index] as number, error: this.#errors[index] as number }))
      .filter(({ count, error }) => count > error * 2)
      .sort((a, b) => b.count - b.error - (a.count - a.error))
      .slice(0, most);
  }
}
