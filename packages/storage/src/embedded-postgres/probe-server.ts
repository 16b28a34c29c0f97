import { connect } from 'node:net';
import pg from 'pg';
import type { EmbeddedConnection } from './embedded-postgres.js';

/**
 * `ready`: it takes queries. `no-database`: it does, but ours is not made yet. `not-yet`: it starts or stops. `silent`:
 * nobody listens or answers. `forbidden`: the socket belongs to another user.
 */
export type ProbeResult = 'ready' | 'no-database' | 'not-yet' | 'silent' | 'forbidden';

const CANNOT_CONNECT_NOW = '57P03';
const INVALID_CATALOG_NAME = '3D000';

export async function probeServer(connection: EmbeddedConnection, timeoutMs: number): Promise<ProbeResult> {
  try {
    await withClient({ connection, timeoutMs }, (client) => client.query('select 1'));
    return 'ready';
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === CANNOT_CONNECT_NOW) return 'not-yet';
    if (code === INVALID_CATALOG_NAME) return 'no-database';
    // Any other word of the server itself (too many connections) is a sign of life.
    if (error instanceof pg.DatabaseError) return 'ready';
    return code === 'EACCES' || code === 'EPERM' ? 'forbidden' : 'silent';
  }
}

/** Whether a process holds the socket, even one that never answers. */
export function isListening(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const end = (listens: boolean) => {
      socket.destroy();
      resolve(listens);
    };
    socket.once('connect', () => end(true));
    // EAGAIN: its queue is full. EACCES: another user's.
    socket.once('error', ({ code }: NodeJS.ErrnoException) => end(code === 'EAGAIN' || code === 'EACCES'));
  });
}

/** initdb makes the database `postgres` only. */
export async function createDatabase(connection: EmbeddedConnection, timeoutMs: number): Promise<void> {
  await withClient({ connection: { ...connection, database: 'postgres' }, timeoutMs }, (client) =>
    client.query(`create database ${pg.escapeIdentifier(connection.database)}`),
  );
}

async function withClient(
  options: { readonly connection: EmbeddedConnection; readonly timeoutMs: number },
  use: (client: pg.Client) => Promise<unknown>,
): Promise<void> {
  const { password, ...rest } = options.connection;
  const client = new pg.Client({
    ...rest,
    ...(password === undefined ? {} : { password: password.reveal() }),
    application_name: 'moltbot-supervisor',
    connectionTimeoutMillis: options.timeoutMs,
    query_timeout: options.timeoutMs,
  });
  // A server that dies now is seen by the query; without a listener it would end the process.
  client.on('error', () => {});
  try {
    await client.connect();
    await use(client);
  } finally {
    await client.end().catch(() => {});
  }
}
