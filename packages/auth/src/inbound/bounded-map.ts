/** A map that lets go of its oldest entry when it is full: what strangers choose the keys of. */
export class BoundedMap<Key, Value> extends Map<Key, Value> {
  readonly #maxEntries: number;

  constructor(options: { readonly maxEntries: number }) {
    super();
    this.#maxEntries = options.maxEntries;
  }

  /** An entry that is set anew is the youngest. */
  override set(key: Key, value: Value): this {
    this.delete(key);
    if (this.size >= this.#maxEntries) {
      const oldest = this.keys().next();
      if (oldest.done !== true) this.delete(oldest.value);
    }
    return super.set(key, value);
  }
}
