import type { RunningFailoverEngine } from './failover-engine.js';
import type { ModelRouter } from './model-router.js';

export interface ChainStanding {
  /** `default`, or a chain's name. */
  readonly name: string;
  readonly targets: readonly {
    readonly ref: string;
    readonly circuit: 'closed' | 'half-open' | 'open';
    readonly payable: boolean;
  }[];
}

/** How the targets of all chains stand now, as this process knows it; for whoever watches. */
export function standingOf(router: ModelRouter, engine: RunningFailoverEngine): readonly ChainStanding[] {
  return router.chains().map(({ name, models }) => ({
    name,
    targets: models.map((model) => ({ ref: model.ref, ...engine.standing(model) })),
  }));
}
