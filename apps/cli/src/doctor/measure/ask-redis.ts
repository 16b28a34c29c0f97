import { parseRedisUrl, probeRedis } from '@moltbot/redis';
import { pingRedis, type RedisAnswer } from './ping-redis.js';

/** Asks a server itself; sentinels for the primary, and that; a cluster by any of its nodes. Bounded by `signal`; never rejects. */
export async function askRedis(options: { readonly url: string; readonly signal: AbortSignal }): Promise<RedisAnswer> {
  return parseRedisUrl(options.url)?.kind === 'single' ? await pingRedis(options) : await probeRedis(options);
}
