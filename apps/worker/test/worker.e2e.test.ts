import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { openQueues, type Queues } from '@moltbot/queue';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '@moltbot/storage';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { active, job } from './job-state.js';
import { spawnWorker, type WorkerProcess } from './worker-process.js';

let folder: string;
let home: string;
let database: EmbeddedPostgres;
let workers: WorkerProcess[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'moltbot-worker-'));
  // Root's database runs as another user, who has to pass through.
  await chmod(folder, 0o755);
  home = join(folder, 'home');
  await mkdir(home);
  database = await startEmbeddedPostgres({ dataDirectory: join(home, 'data', 'postgres') });
}, 60_000);

afterAll(async () => {
  await database.stop();
  await rm(folder, { recursive: true, force: true });
}, 30_000);

afterEach(async () => {
  for (const worker of workers) worker.kill('SIGKILL');
  await Promise.all(workers.map(async (worker) => worker.ended()));
  workers = [];
});

function start(options: Partial<Parameters<typeof spawnWorker>[0]> = {}): WorkerProcess {
  const worker = spawnWorker({ home, ...options });
  workers.push(worker);
  return worker;
}

describe('a worker on the embedded database', () => {
  let queues: Queues;

  beforeEach(() => {
    queues = openQueues({ connection: database.connection, onError: () => {} });
  });

  afterEach(async () => {
    await queues.close();
  });

  it('does a job from the queue, says so in its log and metrics, and ends cleanly', async () => {
    const worker = start();
    const port = await worker.ready();
    expect(await worker.logged('worker ready')).toMatchObject({
      level: 'info',
      role: 'worker',
      metricsPort: port,
      pid: worker.pid,
    });
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const { id } = await queues.enqueue('warmup', { models: ['demo:assistant', 'nobody:here'] }, { traceparent });
    const done = await job(queues, id);
    expect(done).toMatchObject({ state: 'completed', attemptsMade: 1, progress: { done: 2, of: 2 } });
    expect(done.result?.models).toEqual(
      expect.arrayContaining([
        { model: 'demo:assistant', state: 'warm', durationMs: expect.any(Number) },
        { model: 'nobody:here', state: 'failed', durationMs: 0, error: 'model_not_found' },
      ]),
    );
    expect(await worker.logged('job completed')).toMatchObject({ job: 'warmup', jobId: id, attempt: 1 });
    expect(await worker.logged('model warm')).toMatchObject({
      model: 'demo:assistant',
      traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
    });

    const url = `http://127.0.0.1:${port}`;
    expect((await fetch(`${url}/health`)).status).toBe(200);
    expect(await (await fetch(`${url}/ready`)).json()).toMatchObject({ status: 'ok', phase: 'working' });
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toContain('moltbot_jobs_total{type="warmup",outcome="completed"} 1\n');
    expect(metrics).toContain('moltbot_model_load_state{model="demo:assistant"} 2\n');
    expect(metrics).toContain('moltbot_attempts_total{provider="demo",model="assistant",outcome="ok"} 1\n');
    expect(metrics).toMatch(/moltbot_queue_jobs\{queue="default",state="completed"\} [1-9]/);

    worker.kill('SIGTERM');
    expect(await worker.ended()).toEqual({ code: 0, signal: null });
    expect(worker.stderr()).toBe('');
    expect(worker.records().filter(({ level }) => level === 'warn' || level === 'error')).toEqual([]);
  });

  it('asks for a warm-up of the default chain by itself when told to', async () => {
    const worker = start({ args: ['--warmup'] });
    const { jobId } = await worker.logged('warm-up requested');
    expect((await job(queues, String(jobId))).result).toMatchObject({
      models: [{ model: 'demo:assistant', state: 'warm' }],
    });
  });

  it('lets a running job end after SIGTERM and takes no other', async () => {
    const worker = start({ flags: { 'worker.concurrency': 1 } });
    await worker.ready();
    const running = await queues.enqueue('warmup', { models: ['demo:slow=400ms'] });
    await job(queues, running.id, active);
    const next = await queues.enqueue('warmup', {});
    worker.kill('SIGTERM');
    expect(await worker.ended()).toEqual({ code: 0, signal: null });
    expect(await queues.find('warmup', running.id)).toMatchObject({ state: 'completed' });
    expect(await queues.find('warmup', next.id)).toMatchObject({ state: 'waiting' });
    start();
    expect(await job(queues, next.id)).toMatchObject({ state: 'completed' });
  });

  it('hands a job back when the grace is over; the next worker does it at once', async () => {
    const first = start({ flags: { 'worker.drain_grace': '100ms' } });
    await first.ready();
    const { id } = await queues.enqueue('warmup', { models: ['demo:slow=600ms'] });
    await job(queues, id, active);
    first.kill('SIGTERM');
    expect(await first.ended()).toEqual({ code: 0, signal: null });
    expect(first.records().map(({ message }) => message)).toContain('job handed back');
    expect(await queues.find('warmup', id)).toMatchObject({ state: 'waiting', attemptsMade: 0 });
    start();
    expect(await job(queues, id)).toMatchObject({ state: 'completed', attemptsMade: 1 });
  });

  it('is followed by another one that finishes its job when it is killed in the middle', async () => {
    const flags = { 'worker.takeover_after': '1s' };
    const first = start({ flags });
    await first.ready();
    const { id } = await queues.enqueue('warmup', { models: ['demo:slow=600ms'] });
    await job(queues, id, active);
    first.kill('SIGKILL');
    expect((await first.ended()).signal).toBe('SIGKILL');
    const second = start({ flags });
    expect(await job(queues, id)).toMatchObject({
      state: 'completed',
      result: { models: [{ model: 'demo:slow=600ms', state: 'warm' }] },
    });
    expect(second.records().map(({ message }) => message)).toContain('job taken over: its worker was not heard of');
  });

  it('follows the log level of the file, and refuses a broken edit', async () => {
    const config = join(home, 'config.yml');
    await writeFile(config, 'logs:\n  level: info\n');
    try {
      const worker = start();
      await worker.ready();
      await writeFile(config, 'logs:\n  level: debug\n');
      expect(await worker.logged('configuration changed')).toMatchObject({ settings: 'logs.level' });
      await queues.enqueue('warmup', {});
      await worker.logged('job started');
      await writeFile(config, 'logs:\n  level: loud\n');
      expect(await worker.logged('configuration refused, the last good one stays')).toMatchObject({
        error: expect.stringContaining('logs.level'),
      });
      await writeFile(config, 'worker:\n  concurrency: 9\n');
      expect(await worker.logged('takes effect at the next start')).toMatchObject({ settings: 'worker.concurrency' });
      worker.kill('SIGTERM');
      expect((await worker.ended()).code).toBe(0);
    } finally {
      await rm(config);
    }
  });

  it('says in one line what stands in its way, with the setting and the flag: a port, an address, a mistake in the file', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    try {
      const { port } = other.address() as AddressInfo;
      const taken = start({ flags: { 'worker.metrics_port': port } });
      expect(await taken.ended()).toEqual({ code: 4, signal: null });
      expect(taken.stderr()).toMatch(
        new RegExp(
          `^port_in_use: Port ${port} is taken .*\`worker\\.metrics_port\`.*MOLTBOT_WORKER_METRICS_PORT.*\`moltbot worker --metrics-port N\`.*\n$`,
        ),
      );
    } finally {
      other.close();
    }

    const nowhere = start({ flags: { 'server.metrics_host': '192.0.2.1' } });
    expect(await nowhere.ended()).toEqual({ code: 4, signal: null });
    expect(nowhere.stderr()).toBe('config_invalid: `server.metrics_host`: this machine has no address 192.0.2.1.\n');

    const broken = start({ flags: { 'worker.concurrency': 'many' } });
    expect(await broken.ended()).toEqual({ code: 4, signal: null });
    expect(broken.stderr()).toMatch(/^config_invalid: .*worker\.concurrency.*\n$/);
  });

  it('drains when the command that started it is gone', async () => {
    const worker = start();
    await worker.ready();
    worker.disconnect();
    expect(await worker.ended()).toEqual({ code: 0, signal: null });
    expect(worker.records()).toContainEqual(expect.objectContaining({ message: 'draining', cause: 'disconnect' }));
  });

  it('drains when the command that started it was gone before it could listen', async () => {
    const worker = start({ execArgv: ['--import', 'data:text/javascript,process.disconnect()'] });
    expect(await worker.ended()).toEqual({ code: 0, signal: null });
    expect(worker.records()).toContainEqual(expect.objectContaining({ message: 'draining', cause: 'disconnect' }));
  });

  it('ends at once at a second signal', async () => {
    const worker = start();
    await worker.ready();
    const { id } = await queues.enqueue('warmup', { models: ['demo:slow=5s'] });
    await job(queues, id, active);
    worker.kill('SIGTERM');
    await worker.logged('draining');
    worker.kill('SIGTERM');
    expect(await worker.ended()).toEqual({ code: 143, signal: null });
  });
});
