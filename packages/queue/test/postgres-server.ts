import { readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
// A test may look upstairs: the embedded database is the one that the product runs on.
import { type EmbeddedPostgres, startEmbeddedPostgres } from '@moltbot/storage';
import type { TestServer } from './test-server.js';

export interface PostgresTestServer extends TestServer {
  /** Ends all of its processes at once, as a power cut would: nothing is written any more. */
  crash(): void;
}

/** The embedded PostgreSQL on a folder of its own. */
export async function startPostgresServer(): Promise<PostgresTestServer> {
  const folder = await mkdtemp(join(tmpdir(), 'moltbot-queue-pg-'));
  // Root's database runs as another user, who has to pass through.
  await chmod(folder, 0o755);
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
    crash: () => {
      const pid = server?.pid ?? 0;
      for (const child of [pid, ...childrenOf(pid)]) process.kill(child, 'SIGKILL');
    },
    remove: async () => {
      await server?.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Only Linux tells; elsewhere the children find out by themselves that their parent is gone. */
function childrenOf(pid: number): readonly number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
  } catch {
    return [];
  }
}
