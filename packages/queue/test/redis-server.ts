import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { type RedisContainer, startRedisContainer } from './redis-container.js';
import type { TestServer } from './test-server.js';

const MISSING =
  'These tests need the program redis-server: run `apt-get install redis-server` (or brew install redis).';
const READY_WITHIN_MS = 10_000;

export interface RedisTestServer extends TestServer {
  /** How many there are, but for the one that asks. */
  connections(): Promise<number>;
}

/** Redis of our own on a free port of 127.0.0.1, with an append-only file, so that jobs survive its restart: the program. */
export async function startRedisServer(): Promise<RedisTestServer> {
  const port = await freePort();
  return testServer(port, await startRedisProgram(port));
}

/** The same: in a container where an engine answers, else the program. */
export async function startAnyRedis(): Promise<RedisTestServer> {
  const port = await freePort();
  const container = await startRedisContainer(port);
  // Written past jest, which would put a stack under it: who reads the run is to know which of the two was tried.
  process.stderr.write(`Redis of the conformance suite: ${container === undefined ? 'redis-server' : 'a container'}\n`);
  return testServer(port, container ?? (await startRedisProgram(port)));
}

async function startRedisProgram(port: number): Promise<RedisContainer> {
  const folder = await mkdtemp(join(tmpdir(), 'moltbot-redis-'));
  let server: ChildProcess | undefined;

  async function up(): Promise<void> {
    const started = spawn(
      'redis-server',
      ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'yes'],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    server = started;
    await new Promise<void>((resolve, reject) => {
      let output = '';
      const timer = setTimeout(() => {
        reject(new Error(`redis-server did not start: ${output}`));
      }, READY_WITHIN_MS);
      started.once('error', (error: NodeJS.ErrnoException) => {
        clearTimeout(timer);
        reject(error.code === 'ENOENT' ? new Error(MISSING) : error);
      });
      started.stdout?.on('data', (chunk: Buffer) => {
        output += chunk.toString();
        if (!output.includes('Ready to accept connections')) return;
        clearTimeout(timer);
        resolve();
      });
    });
  }

  async function down(): Promise<void> {
    if (server === undefined || server.exitCode !== null || server.signalCode !== null) return;
    const gone = once(server, 'exit');
    server.kill('SIGTERM');
    await gone;
  }

  await up();
  return {
    up,
    down,
    remove: async () => {
      await down();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function testServer(port: number, server: RedisContainer): RedisTestServer {
  return {
    connection: { url: `redis://127.0.0.1:${port}` },
    ...server,
    connections: async () => {
      const client = new Redis(port, '127.0.0.1');
      try {
        return (
          String(await client.client('LIST'))
            .trim()
            .split('\n').length - 1
        );
      } finally {
        client.disconnect();
      }
    },
  };
}

async function freePort(): Promise<number> {
  const probe = createServer();
  probe.listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}
