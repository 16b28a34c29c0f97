import { afterEach, describe, expect, it } from '@jest/globals';
import { MoltbotError } from '@moltbot/contracts';
import { createThreadPool, type ThreadCall, type ThreadPool } from './thread-pool.js';

// Threads run what is built: they know nothing of the test's way to read TypeScript.
const PROBE = new URL('../../dist/threads/thread-main.js', import.meta.url);

const pools: ThreadPool[] = [];

function pool(options: { readonly size?: number; readonly memoryBytes?: number; readonly script?: string } = {}) {
  const { size = 1, memoryBytes = 64 * 1_048_576, script } = options;
  const entry = script === undefined ? PROBE : new URL(`data:text/javascript,${encodeURIComponent(script)}`);
  const made = createThreadPool({ size, memoryBytes, entry });
  pools.push(made);
  return made;
}

function call(payload: object, changes: Partial<ThreadCall> = {}): ThreadCall {
  return {
    name: 'probe',
    payload: { steps: 1, wait_ms: 0, busy_ms: 0, ...payload },
    signal: new AbortController().signal,
    onProgress: () => {},
    onLog: () => {},
    onArtifact: async () => {},
    ...changes,
  };
}

afterEach(async () => {
  await Promise.all(pools.splice(0).map(async (made) => made.close()));
});

describe('threads for jobs', () => {
  it('do a job, pass on what it reports and the files it leaves, and are gone', async () => {
    const threads = pool();
    const progress: object[] = [];
    const files: string[] = [];
    const result = await threads.run(
      call(
        { steps: 3 },
        {
          onProgress: (value) => progress.push(value),
          onArtifact: async ({ name, bytes }) => {
            files.push(`${name}: ${Buffer.from(bytes).toString()}`);
          },
        },
      ),
    );
    expect(result).toEqual({ steps: 3, durationMs: expect.any(Number) });
    expect(progress).toEqual([1, 2, 3].map((done) => ({ done, of: 3 })));
    expect(files).toEqual([expect.stringMatching(/^probe\.txt: 3 steps in \d+ ms\n$/)]);
    expect(threads.active).toBe(0);
  });

  it('are ended at once where a job never ends, while this thread and another job go on', async () => {
    const threads = pool({ size: 2 });
    const cancel = new AbortController();
    const busy = threads.run(call({ busy_ms: 60_000 }, { signal: cancel.signal }));
    const refused = expect(busy).rejects.toMatchObject({ code: 'job_cancelled' });
    expect(await threads.run(call({}))).toMatchObject({ steps: 1 });
    const began = performance.now();
    cancel.abort(new MoltbotError('job_cancelled'));
    await refused;
    expect(performance.now() - began).toBeLessThan(1_000);
    expect(threads.active).toBe(0);
  });

  it('are no more than allowed; whoever waits for one may give up', async () => {
    const threads = pool({ size: 1 });
    const order: string[] = [];
    const first = threads.run(call({ wait_ms: 200 })).then(() => order.push('first'));
    const impatient = new AbortController();
    const given = threads.run(call({}, { signal: impatient.signal }));
    const last = threads.run(call({})).then(() => order.push('last'));
    impatient.abort(new MoltbotError('job_cancelled'));
    await expect(given).rejects.toMatchObject({ code: 'job_cancelled' });
    await Promise.all([first, last]);
    expect(order).toEqual(['first', 'last']);
  });

  it('fail alone: without memory, without a result, by a stranger’s error', async () => {
    const hungry = pool({
      memoryBytes: 16 * 1_048_576,
      script: 'const all = []; for (;;) all.push(new Array(1e4).fill({}));',
    });
    await expect(hungry.run(call({}))).rejects.toMatchObject({ code: 'job_too_large', retryable: false });
    await expect(pool({ script: 'process.exit(3)' }).run(call({}))).rejects.toThrow('ended with 3 and no result');
    await expect(pool({ script: 'throw new TypeError("odd")' }).run(call({}))).rejects.toThrow('odd');
    await expect(pool().run(call({}, { name: 'warmup' }))).rejects.toThrow('there is no job warmup for threads');
  });

  it('are ended by a fault of whoever answers them, and the fault is told as it was', async () => {
    const fault = new TypeError('odd');
    const faulty = async () => {
      throw fault;
    };
    const script = `
      import { parentPort } from 'node:worker_threads';
      parentPort.on('message', () => {});
      parentPort.postMessage({ type: 'ask', question: 'anything', argument: 0, number: 1 });`;
    await expect(pool({ script }).run(call({}, { onAsk: faulty }))).rejects.toBe(fault);
    await expect(pool().run(call({}, { onArtifact: faulty }))).rejects.toBe(fault);
  });

  it('tell a job that its file could not be kept', async () => {
    const onArtifact = async () => {
      throw new MoltbotError('object_store_unavailable');
    };
    await expect(pool().run(call({}, { onArtifact }))).rejects.toMatchObject({ code: 'object_store_unavailable' });
  });
});
