import { resolveTemplate, type Template } from './template.js';

const WAYS = 4;

/**
 * For each message with one word left out, which templates have that rest: a cache of fixed size, so that it costs the same
 * memory whatever comes. Rests with one template only are the first to be forgotten.
 */
export class SiblingIndex {
  readonly #keys: Float64Array;
  readonly #values: (Template | Template[] | undefined)[];
  readonly #mask: number;
  #turn = 0;
  forgotten = 0;

  /** @param size number of rests; rounded up to a power of two */
  constructor(size: number) {
    let capacity = 1_024;
    while (capacity < size) capacity *= 2;
    this.#keys = new Float64Array(capacity);
    this.#values = Array.from({ length: capacity }, () => undefined);
    this.#mask = capacity / WAYS - 1;
  }

  /** @param rest a whole number of 52 bits @returns how many templates have this rest, this one with them */
  add(rest: number, template: Template): number {
    const slot = this.#slotOf(rest);
    const value = this.#keys[slot] === rest ? this.#values[slot] : undefined;
    if (value === undefined) {
      if (this.#values[slot] !== undefined) this.forgotten += 1;
      this.#keys[slot] = rest;
      this.#values[slot] = template;
      return 1;
    }
    if (value === template) return 1;
    if (!Array.isArray(value)) {
      this.#values[slot] = [value, template];
      return 2;
    }
    if (!value.includes(template) && value.length < MAX_SIBLINGS) value.push(template);
    return value.length;
  }

  get(rest: number): readonly Template[] {
    const slot = this.#slotOf(rest);
    const value = this.#keys[slot] === rest ? this.#values[slot] : undefined;
    if (value === undefined) return [];
    return Array.isArray(value) ? value : [value];
  }

  /** What is evicted would be held here, bytes and all, long after it is of any use. */
  forgetEvicted(): void {
    for (let slot = 0; slot < this.#values.length; slot += 1) {
      const value = this.#values[slot];
      if (value === undefined) continue;
      if (!Array.isArray(value)) {
        if (resolveTemplate(value).evicted) this.#values[slot] = undefined;
        continue;
      }
      if (!value.some((template) => resolveTemplate(template).evicted)) continue;
      const kept = value.filter((template) => !resolveTemplate(template).evicted);
      this.#values[slot] = kept.length === 0 ? undefined : kept;
    }
  }

  /** Where the rest is, or where it goes. */
  #slotOf(rest: number): number {
    const first = ((rest % 0x7fff_ffff) & this.#mask) * WAYS;
    let victim = -1;
    for (let slot = first; slot < first + WAYS; slot += 1) {
      if (this.#keys[slot] === rest) return slot;
      if (victim === -1 && this.#values[slot] === undefined) victim = slot;
    }
    if (victim !== -1) return victim;
    this.#turn = (this.#turn + 1) % WAYS;
    for (let way = 0; way < WAYS; way += 1) {
      const slot = first + ((this.#turn + way) % WAYS);
      if (!Array.isArray(this.#values[slot])) return slot;
    }
    return first + this.#turn;
  }
}

const MAX_SIBLINGS = 24;
