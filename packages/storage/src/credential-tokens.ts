import pg from 'pg';
import { type DatabaseConnection, poolConfig, type Statement } from './database.js';
import { storageErrorFrom } from './storage-error.js';
import { listenToTokenRows, type TokenRowListener } from './token-row-listener.js';

export interface CredentialTokenRow {
  readonly id: string;
  /** From 1, one more with each write. */
  readonly version: number;
  readonly value: string;
}

/** The table `credential_tokens`, over connections of its own: a database busy with other things must not hold up a refresh. */
export interface CredentialTokens {
  /** @throws MoltbotError `storage_unavailable`, as every method here; pg's DatabaseError for what only a fault can cause */
  read(id: string): Promise<CredentialTokenRow | undefined>;
  list(): Promise<readonly CredentialTokenRow[]>;
  /** The version of each row. */
  versions(): Promise<ReadonlyMap<string, number>>;
  /** One statement; on the disk when it resolves. @returns whether the row still had `version` (0: there was none) */
  compareAndSwap(row: CredentialTokenRow): Promise<boolean>;
  /** Tells of writes by anybody, until the returned function is called. */
  listen(listener: TokenRowListener): () => void;
  /** Does not wait for a server that hangs. */
  close(): Promise<void>;
}

export interface CredentialTokensOptions {
  readonly connection: DatabaseConnection;
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 2_000;
const POOL_SIZE = 4;
export const TOKENS_CHANNEL = 'moltbot_credential_tokens';

/**
 * `durable`: a session may have `synchronous_commit` off (of the server, the database or the role); a refresh token that the
 * provider has replaced can't be lost in the next half second. A stronger setting than `on` is left alone.
 */
const WRITTEN = `
  durable as materialized (
    select set_config('synchronous_commit',
      case current_setting('synchronous_commit') when 'off' then 'on' else current_setting('synchronous_commit') end, true)
  )
  select written.version, pg_notify('${TOKENS_CHANNEL}', written.version || ' ' || written.id) from written, durable`;

const STATEMENTS = {
  read: { name: 'credential_token_read', text: 'select id, version, value from credential_tokens where id = $1' },
  list: { name: 'credential_token_list', text: 'select id, version, value from credential_tokens' },
  versions: { name: 'credential_token_versions', text: 'select id, version from credential_tokens' },
  create: {
    name: 'credential_token_create',
    text: `with written as (
        insert into credential_tokens (id, version, value) values ($1, $2::bigint + 1, $3)
        on conflict (id) do nothing returning id, version
      ), ${WRITTEN}`,
  },
  replace: {
    name: 'credential_token_replace',
    text: `with written as (
        update credential_tokens set version = version + 1, value = $3, updated_at = now()
        where id = $1 and version = $2 returning id, version
      ), ${WRITTEN}`,
  },
} as const satisfies Record<string, Statement>;

/** Connects when the first query comes. */
export function createCredentialTokens(options: CredentialTokensOptions): CredentialTokens {
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  const config: pg.PoolConfig = {
    ...poolConfig({
      connection: options.connection,
      poolSize: POOL_SIZE,
      connectTimeoutMs: timeoutMs,
      statementTimeoutMs: timeoutMs,
      applicationName: 'moltbot-credentials',
    }),
    query_timeout: timeoutMs,
  };
  const pool = new pg.Pool(config);
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  const listening = new Set<() => void>();
  let closing: Promise<void> | undefined;

  async function run<Row extends object>(statement: Statement, values: readonly unknown[]): Promise<readonly Row[]> {
    try {
      return (await pool.query<Row>({ ...statement, values: [...values] })).rows;
    } catch (error) {
      throw storageErrorFrom(error);
    }
  }

  async function close(): Promise<void> {
    for (const stop of listening) stop();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, timeoutMs);
    });
    await Promise.race([pool.end(), late]);
    clearTimeout(timer);
  }

  return {
    async read(id) {
      return (await run<CredentialTokenRow>(STATEMENTS.read, [id]))[0];
    },
    list: () => run<CredentialTokenRow>(STATEMENTS.list, []),
    async versions() {
      const rows = await run<Omit<CredentialTokenRow, 'value'>>(STATEMENTS.versions, []);
      return new Map(rows.map((row) => [row.id, row.version]));
    },
    async compareAndSwap({ id, version, value }) {
      const statement = version === 0 ? STATEMENTS.create : STATEMENTS.replace;
      return (await run(statement, [id, version, value])).length === 1;
    },
    listen(listener) {
      const stop = listenToTokenRows({ config, channel: TOKENS_CHANNEL, listener });
      listening.add(stop);
      return () => {
        listening.delete(stop);
        stop();
      };
    },
    close() {
      closing ??= close();
      return closing;
    },
  };
}
