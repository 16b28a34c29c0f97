import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
// A test may look upstairs: the embedded database is the one that the product runs on.
import { type EmbeddedPostgres, startEmbeddedPostgres } from '@moltbot/storage';
import type { TestServer } from './test-server.js';

/** The embedded PostgreSQL on a folder of its own. */
export async function startPostgresServer(): Promise<TestServer> {
  const folder = await mkdtemp(join(tmpdir(), 'moltbot-queue-pg-'));
  const dataDirectory = join(folder, 'postgres');
  let server: EmbeddedPostgres | undefined = await startEmbeddedPostgres({ dataDirectory });

  return {
    connection: server.connection,
    up: async () => {
      server ??= await startEmbeddedPostgres({ dataDirectory });
    },
    down: async () => {
      await server?.stop();
      server = undefined;
    },
    remove: async () => {
      await server?.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
