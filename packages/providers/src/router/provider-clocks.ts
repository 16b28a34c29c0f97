import { type ClockOffset, clockOffset, type ClockSample } from '@moltbot/network';
import type { UpstreamResponse } from '../http/upstream.js';

export interface ProviderClock extends ClockOffset {
  /** The provider's name in the configuration. */
  readonly provider: string;
}

export interface ProviderClocksOptions {
  /** Unix time in ms. */
  readonly clock: () => number;
  /** Milliseconds that only grow. */
  readonly elapsed: () => number;
}

/** One answer in so many ms is looked at. */
const SAMPLE_EVERY_MS = 5_000;
const SAMPLES_KEPT = 12;
/** Clocks drift, and are set. */
const SAMPLE_KEPT_MS = 600_000;
const MAX_PROVIDERS = 200;

/** What the answers of providers tell of their clocks, without asking them for it: each has a `Date`, in whole seconds. */
export class ProviderClocks {
  readonly #options: ProviderClocksOptions;
  readonly #known = new Map<string, { samples: ClockSample[]; nextAt: number }>();

  constructor(options: ProviderClocksOptions) {
    this.#options = options;
  }

  /** @param sentElapsed on the clock of `elapsed`: before the request was sent */
  note(provider: string, sentElapsed: number, { headers }: Pick<UpstreamResponse, 'headers'>): void {
    const elapsed = this.#options.elapsed();
    const known = this.#known.get(provider);
    if (known !== undefined && elapsed < known.nextAt) return;
    const { date, age } = headers;
    if (typeof date !== 'string' || (known === undefined && this.#known.size >= MAX_PROVIDERS)) return;
    const receivedAt = this.#options.clock();
    const sample: ClockSample = {
      sentAt: receivedAt - (elapsed - sentElapsed),
      receivedAt,
      date,
      ...(typeof age === 'string' ? { age } : {}),
    };
    const samples = [...(known?.samples ?? []), sample].slice(-SAMPLES_KEPT);
    this.#known.set(provider, { samples, nextAt: elapsed + SAMPLE_EVERY_MS });
  }

  list(): readonly ProviderClock[] {
    const oldest = this.#options.clock() - SAMPLE_KEPT_MS;
    return [...this.#known].flatMap(([provider, { samples }]) => {
      const offset = clockOffset(samples.filter(({ receivedAt }) => receivedAt >= oldest));
      return offset === undefined ? [] : [{ provider, ...offset }];
    });
  }
}
