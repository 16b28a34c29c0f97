import { CONTAINERS, FIELD_NAMES, type FieldName } from './field-names.js';

interface Slot {
  readonly bytes: Uint8Array;
  readonly name: string;
  readonly found: FieldName | undefined;
  readonly container: boolean;
}

/** Known field names by their bytes: most names of a line are unknown, and are so by one hash. */
export class FieldTable {
  readonly #slots: (Slot[] | undefined)[] = Array.from({ length: 1024 }, () => undefined);

  constructor() {
    for (const name of new Set([...FIELD_NAMES.keys(), ...CONTAINERS])) {
      const bytes = new TextEncoder().encode(name);
      const at = hash(bytes, 0, bytes.length) & 1023;
      const slots = (this.#slots[at] ??= []);
      slots.push({ bytes, name, found: FIELD_NAMES.get(name), container: CONTAINERS.has(name) });
    }
  }

  find(bytes: Uint8Array, start: number, end: number): Slot | undefined {
    const slots = this.#slots[hash(bytes, start, end) & 1023];
    if (slots === undefined) return undefined;
    for (const slot of slots) {
      if (slot.bytes.length !== end - start) continue;
      let same = true;
      for (let index = 0; index < slot.bytes.length && same; index += 1)
        same = slot.bytes[index] === bytes[start + index];
      if (same) return slot;
    }
    return undefined;
  }
}

function hash(bytes: Uint8Array, start: number, end: number): number {
  let value = end - start;
  for (let at = start; at < end; at += 1) value = Math.imul(value ^ (bytes[at] as number), 0x01000193);
  return value ^ (value >>> 10);
}
