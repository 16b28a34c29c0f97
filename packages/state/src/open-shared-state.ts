import { isRedisUrl } from '@moltbot/redis';
import { createMemoryState } from './memory.js';
import { createRedisState, type RedisStateOptions } from './redis.js';
import type { SharedState } from './shared-state.js';

export interface OpenSharedStateOptions extends Pick<RedisStateOptions, 'prefix' | 'onEvent'> {
  /** `auto`, `memory`, or the URL of a Redis, its sentinels or its cluster. */
  readonly url: string;
  /** Where the jobs are; its Redis is taken by `auto`. */
  readonly queueUrl?: string | undefined;
}

/** The shared state that the settings ask for. Never waits for a server: it connects by itself. */
export function openSharedState({ url, queueUrl, ...options }: OpenSharedStateOptions): SharedState {
  const chosen = chosenStore(url, queueUrl);
  if (chosen === 'memory') return createMemoryState();
  return createRedisState({ ...options, url: chosen });
}

/** `memory`, or the URL of a Redis. */
export function chosenStore(url: string, queueUrl = ''): string {
  if (url !== 'auto') return url;
  return isRedisUrl(queueUrl) ? queueUrl : 'memory';
}
