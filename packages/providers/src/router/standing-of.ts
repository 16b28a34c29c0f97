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

/**
 * How the targets of all chains stand now, as this process knows it; for whoever watches. @param unusable credentials that their
 * store knows to be expired, revoked or not signed in
 */
export function standingOf(
  router: ModelRouter,
  engine: RunningFailoverEngine,
  unusable: ReadonlySet<string>,
): readonly ChainStanding[] {
  return router.chains().map(({ name, models }) => ({
    name,
    targets: models.map((model) => ({ ref: model.ref, ...engine.standing(model, unusable) })),
  }));
}
