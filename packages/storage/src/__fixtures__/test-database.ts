import { randomUUID } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret } from '@moltbot/contracts';
import pg from 'pg';
import { type DatabaseConnection, databaseUrl } from '../database.js';
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

/** An empty database: on the server of TEST_DATABASE_URL, else on an embedded one of its own. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const given = process.env.TEST_DATABASE_URL;
  const directory = given === undefined ? temporaryDirectory() : undefined;
  const server = directory === undefined ? undefined : await startEmbeddedPostgres({ dataDirectory: join(directory, 'postgres') });
  const administration = given ?? databaseUrl(server!.connection).reveal();
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
      if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
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
