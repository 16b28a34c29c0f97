import { createMemoryQuotas } from './memory-quotas.js';
import { chosenStore } from './open-shared-state.js';
import type { Quotas } from './quotas.js';
import { createRedisQuotas, type RedisQuotasOptions } from './redis-quotas.js';

export interface OpenQuotasOptions extends Pick<RedisQuotasOptions, 'prefix' | 'onEvent'> {
  /** `auto`, `memory`, or the URL of a Redis: where the shared state is. */
  readonly url: string;
  /** Where the jobs are; its Redis is taken by `auto`. */
  readonly queueUrl?: string | undefined;
}

/** Quotas beside the shared state that the settings ask for. Never waits for a server: it connects by itself. */
export function openQuotas({ url, queueUrl, ...options }: OpenQuotasOptions): Quotas {
  const chosen = chosenStore(url, queueUrl);
  return chosen === 'memory' ? createMemoryQuotas() : createRedisQuotas({ ...options, url: chosen });
}
