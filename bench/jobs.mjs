// No-op jobs on one Redis, in one run: rounds take turns, medians are compared.
// bare: BullMQ's own worker over jobs that BullMQ added. same jobs: BullMQ's own worker over the jobs that ours gets, so that only
// the runner differs. ours: our queue and runner.
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

async function bare(url, name, { filled = false } = {}) {
  const connection = new Redis(url, { maxRetriesPerRequest: null, replyMapping: 'legacy' });
  const queue = new Queue('default', { connection, prefix: name });
  const all = Array.from({ length: jobs }, () => ({
    name: 'warmup',
    data: { payload: { models: [] } },
    opts: { attempts: row.attempts, backoff: { type: 'exponential', delay: 1000 }, ...kept },
  }));
  if (!filled) await queue.addBulk(all);
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

async function fill(queues) {
  for (let added = 0; added < jobs; added += 100) {
    await Promise.all(Array.from({ length: Math.min(100, jobs - added) }, () => queues.enqueue('warmup', {})));
  }
}

async function sameJobs(url, name) {
  const queues = openQueues({ url, namespace: name, onError: () => {} });
  await fill(queues);
  await queues.close();
  return bare(url, name, { filled: true });
}

async function ours(url, name) {
  const queues = openQueues({ url, namespace: name, onError: () => {} });
  await fill(queues);
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
const CONTENDERS = { bare, 'same jobs': sameJobs, ours };
const results = { bare: [], 'same jobs': [], ours: [] };
const median = (list) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)];
try {
  for (const [name, run] of Object.entries(CONTENDERS)) await run(url, `warm_${name.replace(' ', '_')}`);
  for (let round = 0; round < rounds; round += 1) {
    const names = Object.keys(CONTENDERS);
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      results[name].push(await CONTENDERS[name](url, `${name.replace(' ', '_')}_${round}`));
    }
  }
  const rate = (name) => median(results[name].map(({ perSecond }) => perSecond));
  const cpu = (name) => median(results[name].map(({ cpuMicros }) => cpuMicros));
  console.log(`${jobs} no-op jobs, ${concurrency} at a time, ${rounds} rounds, medians`);
  for (const name of Object.keys(CONTENDERS)) {
    const share = (rate('ours') / rate(name)).toFixed(2);
    const compared = name === 'ours' ? '' : `; ours is ${share} of it`;
    console.log(`${name.padEnd(9)} ${Math.round(rate(name))} jobs/s, ${Math.round(cpu(name))} µs CPU a job${compared}`);
  }
  console.log('promised: at least 0.90');
} finally {
  server.kill('SIGTERM');
  await once(server, 'exit');
  rmSync(folder, { recursive: true, force: true });
}
