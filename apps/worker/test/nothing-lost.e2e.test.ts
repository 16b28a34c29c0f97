import { describe, expect, it } from '@jest/globals';
import { openQueues } from '@moltbot/queue';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgresServer } from '../../../packages/queue/test/postgres-server.js';
import { startRedisServer } from '../../../packages/queue/test/redis-server.js';

const JOBS = 1_000;
const WORKER = join(import.meta.dirname, 'counting-worker.mjs');
const SERVERS = { Redis: startRedisServer, PostgreSQL: startPostgresServer } as const;

describe('a thousand jobs', () => {
  it.each(['Redis', 'PostgreSQL'] as const)(
    'are all done, each once in effect, though the worker is killed twice and %s starts anew',
    async (backend) => {
      const server = await SERVERS[backend]();
      const folder = mkdtempSync(join(tmpdir(), 'moltbot-thousand-'));
      mkdirSync(join(folder, 'effects'));
      const { connection } = server;
      const namespace = 'thousand';
      const queues = openQueues({
        ...('url' in connection ? connection : { connection }),
        namespace,
        onError: () => {},
        timeoutMs: 5_000,
      });
      let worker: ChildProcess | undefined;
      const start = (): void => {
        worker = fork(WORKER, [JSON.stringify({ connection, namespace, folder })], { execArgv: [] });
      };
      const kill = async (): Promise<void> => {
        if (worker === undefined || worker.exitCode !== null || worker.signalCode !== null) return;
        const gone = once(worker, 'exit');
        worker.kill('SIGKILL');
        await gone;
      };
      const effects = (): number => readdirSync(join(folder, 'effects')).length;
      const reached = async (count: number): Promise<void> => {
        const deadline = performance.now() + 60_000;
        while (effects() < count) {
          if (performance.now() > deadline) throw new Error(`only ${effects()} of ${count} jobs were done`);
          await new Promise((resolve) => {
            setTimeout(resolve, 5);
          });
        }
      };
      try {
        await queues.ready();
        const ids = await Promise.all(
          Array.from({ length: JOBS }, async () => (await queues.enqueue('warmup', {})).id),
        );
        start();
        await reached(150);
        await kill();
        start();
        await reached(400);
        await kill();
        start();
        await reached(650);
        await server.down();
        await server.up();
        await reached(JOBS);
        let done = 0;
        for (let tries = 0; done < JOBS && tries < 400; tries += 1) {
          done = (await queues.counts().catch(() => undefined))?.['default']?.completed ?? 0;
          await new Promise((resolve) => {
            setTimeout(resolve, 25);
          });
        }
        expect(await queues.counts()).toMatchObject({
          default: { waiting: 0, active: 0, delayed: 0, completed: JOBS, failed: 0 },
        });
        expect(readdirSync(join(folder, 'effects')).toSorted()).toEqual(ids.toSorted());
        const runs = readFileSync(join(folder, 'runs'), 'utf8').trim().split('\n');
        // Whatever was under way at a kill runs again, and no more than that: 8 at a time, three interruptions.
        expect(runs.length - JOBS).toBeLessThanOrEqual(24);
      } finally {
        await kill();
        await queues.close();
        await server.remove();
        if (existsSync(folder)) rmSync(folder, { recursive: true, force: true });
      }
    },
    120_000,
  );
});
