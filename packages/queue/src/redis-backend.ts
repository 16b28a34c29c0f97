import { Queue, Worker } from 'bullmq';
import { Redis, type RedisOptions } from 'ioredis';
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

/** BullMQ on Redis. Producers share one connection and give up soon; workers have their own and never do. */
export function createRedisBackend(options: RedisBackendOptions): QueueBackend {
  const { target, namespace, onError } = options;
  const open = new Set<Redis>();

  /** BullMQ duplicates a client for blocking reads and keeps the copy to itself: this way none outlives `close`. */
  class TrackedRedis extends Redis {
    constructor(redisOptions: RedisOptions) {
      super(target.url, { ...redisOptions, replyMapping: 'legacy' });
      open.add(this);
      this.on('error', onError);
      this.on('end', () => open.delete(this));
    }

    override duplicate(override?: Partial<RedisOptions>): Redis {
      return new TrackedRedis({ ...this.options, ...override });
    }
  }

  const shared: RedisOptions = {
    connectTimeout: CONNECT_WITHIN_MS,
    disconnectTimeout: DISCONNECT_WITHIN_MS,
    retryStrategy: (times) => Math.min(50 * 2 ** Math.min(times, 10), LONGEST_RECONNECT_WAIT_MS),
  };
  let producer: Redis | undefined;
  let consumer: Redis | undefined;

  return {
    kind: 'redis',
    prepare: async () => {},
    openQueue: (name) => {
      producer ??= new TrackedRedis({
        ...shared,
        maxRetriesPerRequest: 1,
        commandTimeout: COMMAND_WITHIN_MS,
      });
      return new Queue(name, { connection: producer, prefix: namespace });
    },
    openWorker: (name, processor, workerOptions) => {
      consumer ??= new TrackedRedis({ ...shared, maxRetriesPerRequest: null });
      return new Worker(name, processor, { ...workerOptions, connection: consumer, prefix: namespace });
    },
    close: async () => {
      for (const client of open) client.disconnect();
      open.clear();
    },
  };
}
