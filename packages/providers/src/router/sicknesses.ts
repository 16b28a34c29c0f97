import type { Sickness } from './sickness.js';

/** Callers choose the names of models: so many sicknesses at single models are kept. */
const MOST_AT_MODELS = 10_000;
/** Made room for at once, so that a flood of names does not walk over all of them each time. */
const ROOM = 1_000;

/** What is held against payers: as a whole by `id`, of which auth.json has few, and at single models by `id model`. */
export class Sicknesses {
  readonly #ofWholes = new Map<string, Sickness>();
  readonly #atModels = new Map<string, Sickness>();

  get size(): number {
    return this.#ofWholes.size + this.#atModels.size;
  }

  get(key: string): Sickness | undefined {
    return this.#mapOf(key).get(key);
  }

  set(key: string, sickness: Sickness, now: number): void {
    const map = this.#mapOf(key);
    // Noted again means youngest: the map's own order is that of age.
    map.delete(key);
    if (map === this.#atModels && map.size >= MOST_AT_MODELS) this.#makeRoom(now);
    map.set(key, sickness);
  }

  entries(): Iterable<readonly [key: string, sickness: Sickness]> {
    return [...this.#ofWholes, ...this.#atModels];
  }

  delete(key: string): void {
    this.#mapOf(key).delete(key);
  }

  /** Those of a payer as a whole and at every model. */
  keysOf(id: string): readonly string[] {
    const start = `${id} `;
    return [...this.#ofWholes.keys(), ...this.#atModels.keys()].filter((key) => key === id || key.startsWith(start));
  }

  #mapOf(key: string): Map<string, Sickness> {
    return key.includes(' ') ? this.#atModels : this.#ofWholes;
  }

  /** What is over goes first, then the oldest. */
  #makeRoom(now: number): void {
    const map = this.#atModels;
    for (const [key, { untilMs }] of map) if (now >= untilMs) map.delete(key);
    for (const key of map.keys()) {
      if (map.size <= MOST_AT_MODELS - ROOM) break;
      map.delete(key);
    }
  }
}
