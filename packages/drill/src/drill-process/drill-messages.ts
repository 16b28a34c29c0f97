import type { Credential } from '@moltbot/auth';
import type { Settings } from '@moltbot/config';
import type { ErrorCode } from '@moltbot/contracts';
import type { DrillReport } from '../report.js';
import type { RunDrillOptions } from '../run-drill.js';

/** What the process is to do; one line of JSON on its stdin. */
export interface DrillOrder extends Pick<RunDrillOptions, 'chain' | 'form' | 'maxWaitMs' | 'parallel'> {
  readonly settings: Settings;
  readonly credentials: readonly Credential[];
}

/** What it says; lines of JSON on its stdout. */
export type DrillMessage =
  | { readonly type: 'progress'; readonly done: number; readonly of: number }
  | { readonly type: 'report'; readonly report: DrillReport }
  | { readonly type: 'error'; readonly code: ErrorCode; readonly message: string };

/** Of all settings only what a drill looks at: databases, buckets and issuers are none of its business. */
export function withoutSecrets(settings: Settings, empty: Settings): Settings {
  const { models, timeouts, breaker, retry_budget, local_models } = settings;
  const providers = Object.fromEntries(
    Object.entries(settings.providers).map(([name, { oauth: _oauth, ...provider }]) => [
      name,
      { ...provider, headers: {}, query: {} },
    ]),
  );
  return { ...empty, models, timeouts, breaker, retry_budget, local_models, providers };
}
