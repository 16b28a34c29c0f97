/** From then until then, or so many ms from the first time there is. */
export type BaselineWindow = { readonly fromMs: number; readonly toMs: number } | { readonly firstMs: number };

/** Which lines of a log are its own baseline. */
export class BaselineTimes {
  readonly #window: BaselineWindow | undefined;
  /** Known at last; `undefined` where no window was named, or no line had a time. */
  known: { readonly fromMs: number; readonly toMs: number } | undefined;

  constructor(window: BaselineWindow | undefined) {
    this.#window = window;
    if (window !== undefined && 'fromMs' in window) this.known = window;
  }

  includes(timestampMs: number): boolean {
    if (this.#window === undefined) return false;
    // Lines that are a little out of order at the beginning belong to it too.
    if ('firstMs' in this.#window) {
      this.known ??= { fromMs: Number.NEGATIVE_INFINITY, toMs: timestampMs + this.#window.firstMs };
    }
    return this.known !== undefined && timestampMs >= this.known.fromMs && timestampMs < this.known.toMs;
  }
}
