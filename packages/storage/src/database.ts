import { Secret } from '@moltbot/contracts';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { storageErrorFrom } from './storage-error.js';
import type { Tables } from './tables.js';

/** How to reach a PostgreSQL server: a postgres:// URL, or the embedded one (a socket's directory or 127.0.0.1). */
export type DatabaseConnection =
  | { readonly url: Secret }
  | {
      /** A folder with the server's socket, or an address. */
      readonly host: string;
      readonly port: number;
      readonly database: string;
      readonly user: string;
      readonly password?: Secret | undefined;
    };

/** A statement that is prepared once per connection: half the CPU of a parsed one (stack.md, measured). */
export interface Statement {
  /** Unique over the process: the server keeps the plan under this name. */
  readonly name: string;
  readonly text: string;
}

export interface DatabaseOptions {
  readonly connection: DatabaseConnection;
  /** Connections at most; further queries wait their turn, `connectTimeoutMs` at most. */
  readonly poolSize?: number;
  readonly connectTimeoutMs?: number;
  /** The server gives up on a statement after this. */
  readonly statementTimeoutMs?: number;
  readonly applicationName?: string;
  /** A connection that broke while nobody waited for it. The pool goes on with another. */
  readonly onError?: (error: unknown) => void;
}

export interface Database {
  /** For everything but the hot paths. Its errors are pg's own: see `guarded`. */
  readonly kysely: Kysely<Tables>;
  /** @throws MoltbotError `storage_unavailable` where the server does not answer; pg's DatabaseError for a wrong statement */
  run<Row extends object>(statement: Statement, values: readonly unknown[]): Promise<readonly Row[]>;
  /** Whether the server answers now. @throws MoltbotError `storage_unavailable` */
  ping(): Promise<void>;
  /** Waits for running queries, `connectTimeoutMs` at most. */
  close(): Promise<void>;
}

const PING: Statement = { name: 'moltbot_ping', text: 'select 1' };
const INT8_OID = 20;

/** A pool of connections; connects when the first query comes. */
export function openDatabase(options: DatabaseOptions): Database {
  const pool = new pg.Pool(poolConfig(options));
  const onError = options.onError ?? (() => {});
  pool.on('error', onError);
  // Between checkout and release a client of the pool has no listener: a connection that breaks in the middle of a
  // transaction would end the process. Whoever holds the client gets the error from its next query.
  pool.on('connect', (client) => client.on('error', () => {}));
  const kysely = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
  let closing: Promise<void> | undefined;

  async function run<Row extends object>(statement: Statement, values: readonly unknown[]): Promise<readonly Row[]> {
    try {
      const result = await pool.query<Row>({ name: statement.name, text: statement.text, values: [...values] });
      return result.rows;
    } catch (error) {
      throw storageErrorFrom(error);
    }
  }

  return {
    kysely,
    run,
    async ping() {
      await run(PING, []);
    },
    close() {
      closing ??= endWithin(pool, options.connectTimeoutMs ?? 5_000);
      return closing;
    },
  };
}

/** pg's options for a connection, with the time limits and the one place where column types are parsed. */
export function poolConfig(options: Omit<DatabaseOptions, 'onError'>): pg.PoolConfig {
  const statementTimeoutMs = options.statementTimeoutMs ?? 15_000;
  return {
    ...connectionConfig(options.connection),
    max: options.poolSize ?? 8,
    application_name: options.applicationName ?? 'moltbot',
    connectionTimeoutMillis: options.connectTimeoutMs ?? 5_000,
    statement_timeout: statementTimeoutMs,
    // The server may be frozen or the network gone: then its own limit never comes.
    query_timeout: statementTimeoutMs + 5_000,
    idle_in_transaction_session_timeout: 60_000,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
    types: columnTypes(),
  };
}

function connectionConfig(connection: DatabaseConnection): pg.PoolConfig {
  if ('url' in connection) return { connectionString: connection.url.reveal() };
  const { password, ...rest } = connection;
  return {
    ...rest,
    ...(password === undefined ? {} : { password: password.reveal() }),
    // What the ledger was told is written has to outlive a killed server; see docs/decisions.
    options: '-c synchronous_commit=on',
  };
}

/** The same place as one postgres:// URL, as libpq and pg read it (`host` in the query may be a socket's folder). */
export function databaseUrl(connection: DatabaseConnection): Secret {
  if ('url' in connection) return connection.url;
  const { host, port, database, user, password } = connection;
  const login = password === undefined ? user : `${user}:${encodeURIComponent(password.reveal())}`;
  return new Secret(`postgresql://${login}@localhost:${port}/${database}?host=${encodeURIComponent(host)}`);
}

/** bigint columns as numbers: token counts and millionths stay far below 2^53. */
function columnTypes(): pg.CustomTypesConfig {
  const types = new pg.TypeOverrides();
  types.setTypeParser(INT8_OID, Number);
  return types;
}

/** `pool.end` waits for every client that is out; one that hangs must not hold the process. */
async function endWithin(pool: pg.Pool, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs);
  });
  try {
    await Promise.race([pool.end(), late]);
  } finally {
    clearTimeout(timer);
  }
}
