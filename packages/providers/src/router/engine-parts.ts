import type { CredentialVault } from '@moltbot/auth';
import type { Settings } from '@moltbot/config';
import type { UpstreamClient } from '../http/upstream.js';
import type { Provider } from '../target.js';
import type { Breaker } from './breaker.js';
import type { CredentialHealth } from './credential-health.js';
import type { ModelLoader } from './model-loader.js';
import type { RouterObserver } from './observer.js';
import type { ProviderClocks } from './provider-clocks.js';
import type { RetryBudget } from './retry-budget.js';

/** What all requests of one engine share. */
export interface EngineParts {
  readonly clientFor: (provider: Provider) => UpstreamClient;
  readonly vault: CredentialVault;
  readonly breaker: Breaker;
  readonly breakerSettings: () => Settings['breaker'];
  readonly health: CredentialHealth;
  readonly retryBudget: RetryBudget;
  readonly clocks: ProviderClocks;
  readonly loader: ModelLoader | undefined;
  readonly observer: RouterObserver;
  /** Unix time in ms. */
  readonly clock: () => number;
  /** Milliseconds that only grow: a clock that is set does not end a request. */
  readonly elapsed: () => number;
  /** In [0, 1). */
  readonly random: () => number;
}
