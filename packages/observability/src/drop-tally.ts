/** What became of lines that one output didn't take: counted at once, told in one line when the output is back. */
export class DropTally {
  readonly #onDrop: (count: number) => void;
  readonly #onRecovered: (count: number) => void;
  readonly #now: () => number;
  #untold = 0;
  #toldAt = Number.NEGATIVE_INFINITY;

  /** `now`: milliseconds that only grow. */
  constructor(options: {
    readonly onDrop: (count: number) => void;
    readonly onRecovered: (count: number) => void;
    readonly now?: (() => number) | undefined;
  }) {
    this.#onDrop = options.onDrop;
    this.#onRecovered = options.onRecovered;
    this.#now = options.now ?? (() => performance.now());
  }

  dropped(count: number): void {
    this.#untold += count;
    this.#onDrop(count);
  }

  /** The output took something again. Told at most once in ten seconds: an output at its limit comes and goes. */
  took(): void {
    if (this.#untold === 0 || this.#now() - this.#toldAt < TELL_AGAIN_MS) return;
    this.#toldAt = this.#now();
    const count = this.#untold;
    this.#untold = 0;
    this.#onRecovered(count);
  }
}

const TELL_AGAIN_MS = 10_000;
