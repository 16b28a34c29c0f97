import { SlotList, type Slotted } from '../core/slot-list.js';

/** A stream that wants a sign of life while its upstream is silent. */
export interface KeptAlive extends Slotted {
  /** `performance.now()` of the last write. */
  lastWrite: number;
  writeKeepAlive(): void;
}

/** Comments at least every 15 s (failure-semantics): looked at every 5 s, written after 10 s of silence. */
const LOOK_EVERY_MS = 5_000;
const SILENT_FOR_MS = 9_500;

/** One timer for all streams of the process: a timer per stream costs more than the comments. */
export class KeepAlive {
  readonly #streams = new SlotList<KeptAlive>();
  readonly #timer: NodeJS.Timeout;

  constructor(options: { readonly lookEveryMs?: number; readonly silentForMs?: number } = {}) {
    const silentFor = options.silentForMs ?? SILENT_FOR_MS;
    this.#timer = setInterval(() => {
      const now = performance.now();
      for (const stream of this.#streams.all()) {
        if (now - stream.lastWrite >= silentFor) {
          stream.lastWrite = now;
          stream.writeKeepAlive();
        }
      }
    }, options.lookEveryMs ?? LOOK_EVERY_MS).unref();
  }

  add(stream: KeptAlive): void {
    this.#streams.add(stream);
  }

  delete(stream: KeptAlive): void {
    this.#streams.delete(stream);
  }

  get size(): number {
    return this.#streams.size;
  }

  close(): void {
    clearInterval(this.#timer);
    for (const stream of this.#streams.all()) this.#streams.delete(stream);
  }
}
