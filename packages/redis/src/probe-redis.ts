import { connectRedis, isCluster, type RedisClient } from './connect-redis.js';
import { parseRedisUrl } from './redis-address.js';

/** What a Redis said of itself; `problem`: a code of the system, or the word that its refusal begins with. */
export type RedisProbe =
  | {
      readonly problem: undefined;
      readonly version: string;
      readonly ms: number;
      /** How many replicas the primary has; of a cluster, how many nodes it has. */
      readonly members: number;
    }
  | { readonly problem: string };

/** Connects as everything else would, and asks who answers. Never rejects; ends with `signal`. */
export async function probeRedis({
  url,
  signal,
}: {
  readonly url: string;
  readonly signal: AbortSignal;
}): Promise<RedisProbe> {
  const library = await import('ioredis');
  const began = performance.now();
  /** The most that was said of what is wrong. */
  let told: string | undefined;
  let client: RedisClient | undefined;
  const nobody = parseRedisUrl(url)?.kind === 'sentinel' ? 'no sentinel answers' : 'no node answers';
  try {
    client = connectRedis({
      library,
      url,
      options: {
        retryStrategy: () => 200,
        disconnectTimeout: 200,
        lazyConnect: true,
        maxRetriesPerRequest: 0,
        enableOfflineQueue: true,
      },
    });
    const opened = client;
    for (const event of ['error', 'node error']) {
      opened.on(event, (error: unknown) => {
        if (told === undefined || /^(\w*Error|error)$/.test(told)) told = problemOf(error, nobody);
      });
    }
    const gaveUp = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(new Error('timeout')), { once: true });
    });
    gaveUp.catch(() => undefined);
    const asked = (async () => {
      await opened.connect();
      const [server, replication] = await Promise.all([opened.info('server'), opened.info('replication')]);
      const state = isCluster(opened) ? await opened.cluster('INFO') : '';
      return { server, replication, state };
    })();
    asked.catch(() => undefined);
    const { server, replication, state } = await Promise.race([asked, gaveUp]);
    if (state !== '' && !state.includes('cluster_state:ok')) return { problem: 'CLUSTERDOWN' };
    const members = Number(/(?:connected_slaves|cluster_known_nodes):(\d+)/.exec(state + replication)?.[1] ?? 0);
    const version = /redis_version:([\d.]{1,40})/.exec(server)?.[1] ?? '?';
    return { problem: undefined, version, ms: Math.round(performance.now() - began), members };
  } catch (error) {
    return { problem: told ?? problemOf(error, nobody) };
  } finally {
    client?.disconnect();
  }
}

function problemOf(error: unknown, nobody: string): string {
  if (!(error instanceof Error)) return 'error';
  const inner = 'lastNodeError' in error ? error.lastNodeError : undefined;
  if (inner instanceof Error) return problemOf(inner, nobody);
  if ('code' in error && typeof error.code === 'string') return error.code;
  if (/Connection is closed|refresh slots|All sentinels/.test(error.message)) return nobody;
  return /^[A-Z]{2,20}\b/.exec(error.message)?.[0] ?? (error.message === 'timeout' ? 'ETIMEDOUT' : error.name);
}
