import { Queue, Worker } from 'bullmq';
import { connectRedis, onReplica, parseRedisUrl, type RedisClient, type RedisClientOptions } from '@moltbot/redis';
import * as library from 'ioredis';
import type { QueueBackend } from './queue-backend.js';
import type { RedisTarget } from './queue-connection.js';

export interface RedisBackendOptions {
  readonly target: RedisTarget;
  /** Prefix of all keys. */
  readonly namespace: string;
  readonly onError: (error: unknown) => void;
}

const CONNECT_WITHIN_MS = 5_000;
const COMMAND_WITHIN_MS = 5_000;
/** Also how long a client whose socket is gone already keeps its process alive after `disconnect`. */
const DISCONNECT_WITHIN_MS = 200;
const LONGEST_RECONNECT_WAIT_MS = 2_000;

/** How long an accepted job is held back until a replica has it; where none answers it is not asked again for a while. */
const REPLICA_WITHIN_MS = 500;
const REPLICA_AWAY_MS = 10_000;

/** BullMQ on Redis. Producers share one connection and give up soon; workers have their own and never do. */
export function createRedisBackend(options: RedisBackendOptions): QueueBackend {
  const { target, namespace, onError } = options;
  const kind = parseRedisUrl(target.url)?.kind;
  // A script of BullMQ touches several keys: in a cluster they have to be in one slot.
  const prefix = kind === 'cluster' ? `{${namespace}}` : namespace;
  const open = new Set<RedisClient>();

  /** BullMQ duplicates a client for blocking reads and keeps the copy to itself: this way none outlives `close`. */
  const connect = (more: Partial<RedisClientOptions>): RedisClient =>
    connectRedis({
      library,
      url: target.url,
      options: { ...SHARED, ...more },
      onOpen: (client) => {
        open.add(client);
        client.on('error', onError);
        client.on('end', () => open.delete(client));
      },
    });
  let producer: RedisClient | undefined;
  let consumer: RedisClient | undefined;
  let noReplicaUntil = 0;

  return {
    kind: 'redis',
    prepare: async () => {},
    openQueue: (name) => {
      producer ??= connect({ maxRetriesPerRequest: 1, commandTimeout: COMMAND_WITHIN_MS });
      return new Queue(name, { connection: producer, prefix });
    },
    openWorker: (name, processor, workerOptions) => {
      consumer ??= connect({ maxRetriesPerRequest: null });
      return new Worker(name, processor, { ...workerOptions, connection: consumer, prefix });
    },
    secured: async () => {
      // One server alone has nobody to hand over to.
      if (kind === 'single' || producer === undefined || performance.now() < noReplicaUntil) return;
      const secured = await onReplica(producer, REPLICA_WITHIN_MS);
      if (!secured) noReplicaUntil = performance.now() + REPLICA_AWAY_MS;
    },
    close: async () => {
      for (const client of open) client.disconnect();
      open.clear();
    },
  };
}

const SHARED: RedisClientOptions = {
  connectTimeout: CONNECT_WITHIN_MS,
  disconnectTimeout: DISCONNECT_WITHIN_MS,
  retryStrategy: (times) => Math.min(50 * 2 ** Math.min(times, 10), LONGEST_RECONNECT_WAIT_MS),
  // After a failover the address may still lead to the old primary.
  reconnectOnError: (error) => (error.message.startsWith('READONLY') ? 2 : false),
};
