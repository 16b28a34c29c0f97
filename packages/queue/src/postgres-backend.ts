import { createPostgresBackend as createBullBackend, runMigrations, withBackend } from 'bullmq';
import pg from 'pg';
import type { BullQueue, BullWorker, QueueBackend } from './queue-backend.js';
import type { PostgresTarget } from './queue-connection.js';

export interface PostgresBackendOptions {
  readonly target: PostgresTarget;
  /** The schema that holds all queues. */
  readonly namespace: string;
}

const CONNECT_WITHIN_MS = 5_000;
const QUERY_WITHIN_MS = 15_000;
/** Per queue: producers wait for short statements only; a worker also has one connection of its own to listen on. */
const PRODUCER_CONNECTIONS = 2;
const WORKER_CONNECTIONS = 4;

/** A connection that breaks while BullMQ holds it without a listener must not end the process; its query fails anyway. */
class CalmClient extends pg.Client {
  constructor(config?: string | pg.ClientConfig) {
    super(config);
    this.on('error', () => {});
  }
}

/** BullMQ on PostgreSQL: jobs in one schema, workers woken by LISTEN/NOTIFY. */
export function createPostgresBackend(options: PostgresBackendOptions): QueueBackend {
  const { target, namespace } = options;
  const { Queue, Worker } = withBackend(createBullBackend);
  const config = {
    ...target.config,
    application_name: 'moltbot-queue',
    connectionTimeoutMillis: CONNECT_WITHIN_MS,
    query_timeout: QUERY_WITHIN_MS,
    keepAlive: true,
    Client: CalmClient,
  };

  return {
    kind: 'postgres',
    prepare: async () => {
      const client = new CalmClient(config);
      await client.connect();
      try {
        await runMigrations(client, namespace);
      } finally {
        await client.end().catch(() => {});
      }
    },
    openQueue: (name) =>
      new Queue(name, {
        connection: { ...config, schema: namespace, max: PRODUCER_CONNECTIONS },
      }) as unknown as BullQueue,
    openWorker: (name, processor, workerOptions) =>
      new Worker(name, processor, {
        ...workerOptions,
        connection: { ...config, schema: namespace, max: WORKER_CONNECTIONS },
      }) as unknown as BullWorker,
    close: async () => {},
  };
}
