/** A bucket's length; the window is 60 of them and the one that is running. */
export const BUCKET_MS = 1_000;
export const WINDOW_BUCKETS = 61;

/**
 * A sum over the last minute in buckets of a second. The oldest bucket counts whole although a part of it is older than a
 * minute: so no 60 seconds ever hold more than was allowed, at the price of up to one second's wait.
 */
export class SlidingWindow {
  readonly #buckets = new Float64Array(WINDOW_BUCKETS);
  #sum = 0;
  #newest = Number.NEGATIVE_INFINITY;
  /** The latest bucket that something was added to. */
  #lastAdded = Number.NEGATIVE_INFINITY;

  /** The sum in the window that ends with `bucket`, which never goes back. */
  sum(bucket: number): number {
    this.#advance(bucket);
    return this.#sum;
  }

  add(bucket: number, amount: number): void {
    this.#advance(bucket);
    const index = this.#newest % WINDOW_BUCKETS;
    this.#buckets[index] = (this.#buckets[index] ?? 0) + amount;
    this.#sum += amount;
    this.#lastAdded = this.#newest;
  }

  /** Takes back what was added to a bucket; nothing where that has left the window. */
  takeBack(bucket: number, amount: number): void {
    if (this.#newest - bucket >= WINDOW_BUCKETS || bucket > this.#newest) return;
    const index = bucket % WINDOW_BUCKETS;
    const there = this.#buckets[index] ?? 0;
    const taken = Math.min(there, amount);
    this.#buckets[index] = there - taken;
    this.#sum -= taken;
  }

  /** How long until so much has left the window. */
  msUntilFreed(now: number, amount: number): number {
    let freed = 0;
    for (let age = WINDOW_BUCKETS - 1; age >= 0; age -= 1) {
      const bucket = this.#newest - age;
      if (bucket < 0) continue;
      freed += this.#buckets[bucket % WINDOW_BUCKETS] ?? 0;
      if (freed >= amount) return leavesAt(bucket) - now;
    }
    return leavesAt(this.#newest) - now;
  }

  msUntilEmpty(now: number): number {
    return this.#sum <= 0 ? 0 : Math.max(0, leavesAt(this.#lastAdded) - now);
  }

  #advance(bucket: number): void {
    if (bucket <= this.#newest) return;
    if (bucket - this.#newest >= WINDOW_BUCKETS) {
      if (this.#sum !== 0) this.#buckets.fill(0);
      this.#sum = 0;
    } else {
      for (let next = this.#newest + 1; next <= bucket; next += 1) {
        const index = next % WINDOW_BUCKETS;
        this.#sum -= this.#buckets[index] ?? 0;
        this.#buckets[index] = 0;
      }
    }
    this.#newest = bucket;
  }
}

function leavesAt(bucket: number): number {
  return (bucket + WINDOW_BUCKETS) * BUCKET_MS;
}
