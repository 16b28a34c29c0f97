import {
  type BackendFactory,
  ConnectionClosedError,
  createPostgresBackend as createBullBackend,
  type PostgresConnectionOptions,
  type PostgresQueueBackend,
  runMigrations,
  withBackend,
} from 'bullmq';
import pg from 'pg';
import type { BullQueue, BullWorker, QueueBackend } from './queue-backend.js';
import type { PostgresTarget } from './queue-connection.js';

export interface PostgresBackendOptions {
  readonly target: PostgresTarget;
  /** The schema that holds all queues. */
  readonly namespace: string;
  readonly onError: (error: unknown) => void;
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
  const { target, namespace, onError } = options;
  const { Queue, Worker } = withBackend(patientBackend(onError));
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

/**
 * BullMQ waits before it tries again only where an error says ECONNREFUSED. A socket's folder that is gone or a server that
 * starts says otherwise: its workers then ask 15,000 times a second, and give up the results of jobs that just ended.
 */
function patientBackend(
  onError: (error: unknown) => void,
): BackendFactory<PostgresQueueBackend, PostgresConnectionOptions> {
  const patient =
    <A extends unknown[], R>(call: (...values: A) => Promise<R>) =>
    async (...values: A): Promise<R> => {
      try {
        return await call(...values);
      } catch (error) {
        if (!isServerAway(error)) throw error;
        onError(error);
        throw new ConnectionClosedError('Connection is closed.', error);
      }
    };
  return (name, bullOptions, backendOptions) => {
    const backend = createBullBackend(name, bullOptions, backendOptions);
    backend.moveToActive = patient(backend.moveToActive.bind(backend));
    backend.moveToCompleted = patient(backend.moveToCompleted.bind(backend));
    backend.moveToFailed = patient(backend.moveToFailed.bind(backend));
    backend.moveToDelayed = patient(backend.moveToDelayed.bind(backend));
    return backend;
  };
}

/** Socket errors, and SQLSTATE classes 08 (connection), 53 (too many of them) and 57P (shutting down, starting). */
const AWAY_CODE =
  /^(?:ECONNREFUSED|ECONNRESET|ENOENT|EACCES|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|08...|53...|57P..)$/;
/** Where pg itself gives up it has no code to say so. */
const AWAY_MESSAGE = /connection terminated|connection error|timeout exceeded|read timeout/i;

function isServerAway(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false;
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  if (typeof code === 'string' && AWAY_CODE.test(code)) return true;
  return typeof message === 'string' && AWAY_MESSAGE.test(message);
}
