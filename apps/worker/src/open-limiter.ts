import { createLimiter, type Limiter } from '@moltbot/auth';
import type { Settings } from '@moltbot/config';
import { openQuotas, type Quotas } from '@moltbot/state';
import type { Storage } from '@moltbot/storage';

export interface LimiterAccess {
  /** @throws MoltbotError `storage_unavailable` */
  readonly open: () => Promise<Limiter>;
  close(): Promise<void>;
}

/** Limits and budgets of callers as the primaries count them, opened for the first request of a limited one. */
export function createLimiterAccess(options: {
  readonly settings: () => Settings;
  readonly storage: () => Promise<Storage>;
}): LimiterAccess {
  let quotas: Quotas | undefined;
  let limiter: Limiter | undefined;
  return {
    async open() {
      const { budgets } = await options.storage();
      const { state, queue } = options.settings();
      quotas ??= openQuotas({ url: state.url, queueUrl: queue.url });
      limiter ??= createLimiter({ quotas, budgets });
      return limiter;
    },
    close: async () => quotas?.close(),
  };
}
