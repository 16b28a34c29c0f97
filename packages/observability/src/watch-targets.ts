import type { Metrics } from './metrics.js';

export interface WatchedTarget {
  /** `provider:model` */
  readonly ref: string;
  readonly circuit: 'closed' | 'half-open' | 'open';
  /** Whether somebody is there to pay for a call. */
  readonly payable: boolean;
}

export interface WatchTargetsOptions {
  readonly metrics: Metrics;
  readonly chains: () => readonly { readonly name: string; readonly targets: readonly WatchedTarget[] }[];
  readonly retriesLeft: () => number;
  /** What answers told of the providers' clocks. */
  readonly clocks: () => readonly {
    readonly provider: string;
    readonly offsetMs: number;
    readonly uncertaintyMs: number;
  }[];
}

export const BREAKER_LEVELS = { closed: 0, 'half-open': 1, open: 2 } as const;

/** Shows with each scrape how the targets of the chains stand. @returns ends it */
export function watchTargets({ metrics, chains, retriesLeft, clocks }: WatchTargetsOptions): () => void {
  let known: readonly string[] = [];
  return metrics.onRender(() => {
    metrics.retryBudgetRemaining.set(retriesLeft());
    // A chain or a provider may have left the configuration.
    metrics.chainTargets.reset();
    metrics.chainTargetsCallable.reset();
    const refs = new Set<string>();
    for (const { name, targets } of chains()) {
      const callable = targets.filter(({ circuit, payable }) => circuit === 'closed' && payable).length;
      metrics.chainTargets.set({ chain: name }, targets.length);
      metrics.chainTargetsCallable.set({ chain: name }, callable);
      for (const { ref, circuit } of targets) {
        refs.add(ref);
        metrics.breakerState.set({ target: ref }, BREAKER_LEVELS[circuit]);
      }
    }
    for (const ref of known) if (!refs.has(ref)) metrics.breakerState.remove({ target: ref });
    known = [...refs];
    metrics.clockOffset.reset();
    metrics.clockOffsetUncertainty.reset();
    for (const { provider, offsetMs, uncertaintyMs } of clocks()) {
      metrics.clockOffset.set({ provider }, offsetMs / 1_000);
      metrics.clockOffsetUncertainty.set({ provider }, uncertaintyMs / 1_000);
    }
  });
}
