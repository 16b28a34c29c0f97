// No-op jobs through our queue and runner beside bare BullMQ, on one Redis, in one run: rounds take turns, medians are compared.
// node bench/jobs.mjs [--jobs 3000] [--rounds 5] [--concurrency 32]
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

const root = resolve(import.meta.dirname, '..');
const from = (folder) => createRequire(join(root, folder, 'package.json'));
const load = async (folder, name) => import(from(folder).resolve(name));
const { Queue, Worker } = await load('packages/queue', 'bullmq');
const { Redis } = await load('packages/queue', 'ioredis');
const { JOBS } = await load('packages/queue', '@moltbot/contracts');
const { openQueues } = await load('apps/worker', '@moltbot/queue');
const { createLogger } = await load('apps/worker', '@moltbot/observability');
const { createRunner } = await import(join(root, 'apps/worker/dist/runner.js'));

const { values } = parseArgs({
  options: {
    jobs: { type: 'string', default: '3000' },
    rounds: { type: 'string', default: '5' },
    concurrency: { type: 'string', default: '32' },
  },
});
const jobs = Number(values.jobs);
const rounds = Number(values.rounds);
const concurrency = Number(values.concurrency);

const row = JOBS.warmup;
// What bare BullMQ is given too: how long jobs are kept is part of what a job costs.
const kept = {
  removeOnComplete: { count: row.retention.completed.count, age: row.retention.completed.ageMs / 1000 },
  removeOnFail: { count: row.retention.failed.count, age: row.retention.failed.ageMs / 1000 },
};

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  return port;
}

/** Over the last four fifths: opening connections and loading scripts is no part of a job. */
function stopwatch() {
  const counted = Math.ceil(jobs * 0.8);
  let seen = 0;
  let begun;
  return {
    begin() {
      seen += 1;
      if (seen === jobs - counted) begun = { cpu: process.cpuUsage(), at: performance.now() };
    },
    end() {
      const seconds = (performance.now() - begun.at) / 1000;
      const { user, system } = process.cpuUsage(begun.cpu);
      return { perSecond: counted / seconds, cpuMicros: (user + system) / counted };
    },
  };
}

async function bare(url, name) {
  const connection = new Redis(url, { maxRetriesPerRequest: null, replyMapping: 'legacy' });
  const queue = new Queue('default', { connection, prefix: name });
  const all = Array.from({ length: jobs }, () => ({
    name: 'warmup',
    data: { payload: { models: [] } },
    opts: { attempts: row.attempts, backoff: { type: 'exponential', delay: 1000 }, ...kept },
  }));
  await queue.addBulk(all);
  let done = 0;
  const over = Promise.withResolvers();
  const watch = stopwatch();
  const noOp = async () => {
    watch.begin();
    return { models: [] };
  };
  const worker = new Worker('default', noOp, { connection, prefix: name, concurrency, lockDuration: 15_000 });
  worker.on('completed', () => {
    done += 1;
    if (done === jobs) over.resolve();
  });
  await over.promise;
  const result = watch.end();
  await worker.close();
  await queue.close();
  connection.disconnect();
  return result;
}

async function ours(url, name) {
  const queues = openQueues({ url, namespace: name, onError: () => {} });
  for (let added = 0; added < jobs; added += 100) {
    await Promise.all(Array.from({ length: Math.min(100, jobs - added) }, () => queues.enqueue('warmup', {})));
  }
  let done = 0;
  const over = Promise.withResolvers();
  const logger = createLogger({ role: 'worker', level: 'error' });
  const watch = stopwatch();
  const noOp = async () => {
    watch.begin();
    return { models: [] };
  };
  const runner = createRunner({ deps: {}, logger, randomBytes, handlers: { warmup: noOp } });
  await queues.createWorker(runner, {
    concurrency,
    onEvent: (event) => {
      if (event.type === 'completed') done += 1;
      if (done === jobs) over.resolve();
    },
  });
  await over.promise;
  const result = watch.end();
  await queues.close();
  await logger.close();
  return result;
}

const port = await freePort();
const folder = mkdtempSync(join(tmpdir(), 'moltbot-bench-'));
const server = spawn(
  'redis-server',
  ['--port', port, '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no'],
  {
    stdio: ['ignore', 'pipe', 'inherit'],
  },
);
for await (const chunk of server.stdout) if (String(chunk).includes('Ready to accept')) break;

const url = `redis://127.0.0.1:${port}`;
const results = { bare: [], ours: [] };
const median = (list) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)];
try {
  await bare(url, 'warm_bare');
  await ours(url, 'warm_ours');
  for (let round = 0; round < rounds; round += 1) {
    const turns = round % 2 === 0 ? ['bare', 'ours'] : ['ours', 'bare'];
    for (const turn of turns) results[turn].push(await (turn === 'bare' ? bare : ours)(url, `${turn}_${round}`));
  }
  const rate = (name) => median(results[name].map(({ perSecond }) => perSecond));
  const cpu = (name) => median(results[name].map(({ cpuMicros }) => cpuMicros));
  console.log(`${jobs} no-op jobs, ${concurrency} at a time, ${rounds} rounds, medians`);
  for (const name of ['bare', 'ours']) {
    console.log(`${name.padEnd(5)} ${Math.round(rate(name))} jobs/s, ${Math.round(cpu(name))} µs CPU a job`);
  }
  // Neighbours share the noise of a busy machine.
  const pairs = results.ours.map(({ perSecond }, index) => perSecond / results.bare[index].perSecond);
  console.log(
    `ours / bare: ${(rate('ours') / rate('bare')).toFixed(2)} of medians, ${median(pairs).toFixed(2)} median of pairs (promised: 0.90)`,
  );
} finally {
  server.kill('SIGTERM');
  await once(server, 'exit');
  rmSync(folder, { recursive: true, force: true });
}
