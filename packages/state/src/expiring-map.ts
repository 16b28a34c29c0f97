interface Slot<Value> {
  readonly value: Value;
  readonly expiresAt: number;
}

export interface ExpiringMapOptions<Value> {
  readonly maxEntries: number;
  /** What to do when the map is full of living entries: forget the one written longest ago, or take no more. */
  readonly whenFull: 'forget-oldest' | 'refuse';
  /** Called after an entry has gone: expired, or forgotten for room. */
  readonly onGone?: (key: string, value: Value) => void;
}

/** Entries that end at a moment of their own, in bounded number. Time is handed in, so nothing here holds a timer. */
export class ExpiringMap<Value> {
  readonly #slots = new Map<string, Slot<Value>>();
  readonly #options: ExpiringMapOptions<Value>;
  /** No entry ends before this; spares the walk over all of them. */
  #earliestEnd = Number.POSITIVE_INFINITY;

  constructor(options: ExpiringMapOptions<Value>) {
    this.#options = options;
  }

  get size(): number {
    return this.#slots.size;
  }

  /** The earliest moment at which an entry may end; infinite where there is none. */
  get earliestEnd(): number {
    return this.#earliestEnd;
  }

  get(key: string, now: number): Value | undefined {
    const slot = this.#slots.get(key);
    if (slot === undefined) return undefined;
    if (slot.expiresAt > now) return slot.value;
    this.#drop(key, slot);
    return undefined;
  }

  /** @returns whether there was room */
  set(options: {
    readonly key: string;
    readonly value: Value;
    readonly expiresAt: number;
    readonly now: number;
  }): boolean {
    const { key, value, expiresAt, now } = options;
    // Written again means youngest: the map's own order is then the order of age.
    this.#slots.delete(key);
    if (this.#slots.size >= this.#options.maxEntries && !this.#makeRoom(now)) return false;
    this.#slots.set(key, { value, expiresAt });
    if (expiresAt < this.#earliestEnd) this.#earliestEnd = expiresAt;
    return true;
  }

  delete(key: string): void {
    this.#slots.delete(key);
  }

  clear(): void {
    this.#slots.clear();
    this.#earliestEnd = Number.POSITIVE_INFINITY;
  }

  /** Forgets what has ended. */
  sweep(now: number): void {
    if (now < this.#earliestEnd) return;
    const gone: [string, Slot<Value>][] = [];
    let earliest = Number.POSITIVE_INFINITY;
    for (const entry of this.#slots) {
      if (entry[1].expiresAt <= now) gone.push(entry);
      else if (entry[1].expiresAt < earliest) earliest = entry[1].expiresAt;
    }
    this.#earliestEnd = earliest;
    for (const [key, slot] of gone) this.#drop(key, slot);
  }

  #makeRoom(now: number): boolean {
    this.sweep(now);
    if (this.#slots.size < this.#options.maxEntries) return true;
    if (this.#options.whenFull === 'refuse') return false;
    for (const [key, slot] of this.#slots) {
      this.#drop(key, slot);
      break;
    }
    return true;
  }

  #drop(key: string, slot: Slot<Value>): void {
    if (this.#slots.get(key) !== slot) return;
    this.#slots.delete(key);
    this.#options.onGone?.(key, slot.value);
  }
}
