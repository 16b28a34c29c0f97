import { randomUUID } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret } from '@moltbot/contracts';
import pg from 'pg';
import { type DatabaseConnection, databaseUrl } from '../database.js';
import type { EmbeddedPostgres } from '../embedded-postgres/embedded-postgres.js';
import { isRunning } from '../embedded-postgres/process-identity.js';
import { startEmbeddedPostgres } from '../embedded-postgres/start-embedded-postgres.js';

export interface TestDatabase {
  readonly connection: DatabaseConnection;
  /** Runs SQL beside the code under test. */
  query(text: string, values?: unknown[]): Promise<readonly Record<string, unknown>[]>;
  drop(): Promise<void>;
}

/** A folder that another user can enter, as a database of root needs it. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'moltbot-test-'));
  chmodSync(directory, 0o755);
  return directory;
}

const SHARED = 'moltbot-test-shared-';

/** One server for all test files of a run: preparing one takes a second. The end of the run takes it away. */
async function sharedServer(): Promise<EmbeddedPostgres> {
  for (const name of readdirSync(tmpdir())) {
    if (!name.startsWith(SHARED) || isRunning({ pid: Number(name.slice(SHARED.length)) })) continue;
    rmSync(join(tmpdir(), name), { recursive: true, force: true });
  }
  const directory = join(tmpdir(), SHARED + (process.env['MOLTBOT_TEST_RUN'] ?? process.ppid));
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  return startEmbeddedPostgres({ dataDirectory: join(directory, 'postgres') });
}

/** An empty database: on the server of TEST_DATABASE_URL, else on an embedded one. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const given = process.env['TEST_DATABASE_URL'];
  const server = given === undefined ? await sharedServer() : undefined;
  const administration = server === undefined ? String(given) : databaseUrl(server.connection).reveal();
  const name = `moltbot_test_${randomUUID().replaceAll('-', '')}`;
  await execute(administration, `create database ${name}`);
  const url = new URL(administration);
  url.pathname = `/${name}`;
  return {
    connection: { url: new Secret(url.href) },
    query: (text, values) => execute(url.href, text, values),
    async drop() {
      await execute(administration, `drop database ${name} with (force)`);
      await server?.stop();
    },
  };
}

async function execute(url: string, text: string, values: unknown[] = []): Promise<readonly Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<Record<string, unknown>>(text, values);
    return rows;
  } finally {
    await client.end();
  }
}
