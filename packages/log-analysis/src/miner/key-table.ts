import type { Template, VariableMap } from './template.js';

/** One masked message that was seen, and the template it belongs to. */
export interface KeyEntry {
  readonly bytes: Uint8Array;
  readonly low: number;
  readonly high: number;
  /** May have been merged since. */
  template: Template;
  /** How its variables lie in the template; undefined: one to one. */
  map: VariableMap | undefined;
  /** The template whose variables `map` was made for. */
  mappedFor: Template | undefined;
  mappedVersion: number;
  /** Seen since the last sweep. */
  touched: boolean;
}

/** Open addressing over the 2 × 32 bit hashes; bytes are compared, so that a hash alone never decides. */
export class KeyTable {
  #slots: Int32Array;
  #entries: (KeyEntry | undefined)[] = [];
  #free: number[] = [];
  #mask: number;
  size = 0;

  constructor(maxKeys: number) {
    let capacity = 1024;
    while (capacity < maxKeys * 2) capacity *= 2;
    this.#slots = new Int32Array(capacity).fill(-1);
    this.#mask = capacity - 1;
  }

  find(bytes: Uint8Array, length: number, low: number, high: number): KeyEntry | undefined {
    let slot = low & this.#mask;
    for (;;) {
      const index = this.#slots[slot] as number;
      if (index === -1) return undefined;
      const entry = this.#entries[index] as KeyEntry;
      if (entry.low === low && entry.high === high && sameBytes(entry.bytes, bytes, length)) return entry;
      slot = (slot + 1) & this.#mask;
    }
  }

  insert(entry: KeyEntry): void {
    const index = this.#free.pop() ?? this.#entries.length;
    this.#entries[index] = entry;
    this.#place(entry.low, index);
    this.size += 1;
  }

  #place(low: number, index: number): void {
    let slot = low & this.#mask;
    while (this.#slots[slot] !== -1) slot = (slot + 1) & this.#mask;
    this.#slots[slot] = index;
  }

  /** Removes what `drop` says, and builds the slots anew: called rarely, costs one pass. @returns how many went */
  sweep(drop: (entry: KeyEntry) => boolean): number {
    let dropped = 0;
    this.#slots.fill(-1);
    this.#free = [];
    for (let index = 0; index < this.#entries.length; index += 1) {
      const entry = this.#entries[index];
      if (entry !== undefined && !drop(entry)) {
        entry.touched = false;
        this.#place(entry.low, index);
        continue;
      }
      if (entry !== undefined) {
        this.#entries[index] = undefined;
        dropped += 1;
      }
      this.#free.push(index);
    }
    this.size -= dropped;
    return dropped;
  }
}

function sameBytes(known: Uint8Array, bytes: Uint8Array, length: number): boolean {
  if (known.length !== length) return false;
  for (let at = 0; at < length; at += 1) if (known[at] !== bytes[at]) return false;
  return true;
}

/** The hash of a masked message, as the scanner makes it. */
export function hashMasked(bytes: Uint8Array): { low: number; high: number } {
  let low = 0x811c9dc5;
  let high = bytes.length;
  for (const byte of bytes) {
    low = Math.imul(low ^ byte, 0x01000193);
    high = Math.imul(high + byte, 0x9e3779b1) ^ (high >>> 15);
  }
  return { low: low >>> 0, high: (high ^ (low >>> 13)) >>> 0 };
}
