import type { PassThrough } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { settingsSchema } from '@moltbot/config';
import { JOBS, MoltbotError } from '@moltbot/contracts';
import { createLogger } from '@moltbot/observability';
import type { StoredObject } from '@moltbot/storage';
import type { JobContext, JobDeps, NewArtifact } from '../deps.js';
import { createThreadPool, type ThreadPool } from '../threads/thread-pool.js';
import { logAnalysis } from './log-analysis.js';

// Threads run what is built: they know nothing of the test's way to read TypeScript.
const ENTRY = new URL('../../dist/threads/thread-main.js', import.meta.url);

const pools: ThreadPool[] = [];
afterEach(async () => {
  await Promise.all(pools.splice(0).map(async (pool) => pool.close()));
});

/** A store with one object, whose pieces come from the test. */
function storeOf(pieces: () => AsyncGenerator<Uint8Array>, size: number) {
  const object: StoredObject = { key: 'logs/a', size, sha256: undefined, contentType: '', modifiedAt: 0 };
  return { head: async () => object, get: async () => ({ object, body: pieces(), cancel: async () => {} }) };
}

async function run(options: {
  readonly pieces: () => AsyncGenerator<Uint8Array>;
  readonly size?: number;
  readonly payload?: object;
  readonly signal?: AbortSignal;
  readonly keep?: (name: string, body: AsyncIterable<Uint8Array>) => Promise<void>;
  readonly onProgress?: (value: object) => void;
}) {
  const threads = createThreadPool({ size: 1, memoryBytes: 512 * 1_048_576, entry: ENTRY });
  pools.push(threads);
  const store = storeOf(options.pieces, options.size ?? 1_000);
  const deps = {
    threads,
    settings: () => settingsSchema.parse({}),
    objects: async () => store,
    keepArtifact: async (_job: string, { name, body, maxBytes }: NewArtifact) => {
      // A file as long as the log has the log's limit.
      expect(maxBytes).toBe(name === 'templates.jsonl' ? 68_719_476_736 : undefined);
      await (options.keep ?? drain)(name, body);
    },
  } as unknown as JobDeps;
  const context: JobContext = {
    jobId: 'j',
    owner: undefined,
    caller: undefined,
    signal: options.signal ?? new AbortController().signal,
    logger: createLogger({ role: 'worker', level: 'error' }),
    progress: async (value) => options.onProgress?.(value),
    followUp: async () => ({ id: '' }),
  };
  const payload = JOBS['log-analysis'].payload.parse({ inputs: [{ object_key: 'logs/a' }], ...options.payload });
  try {
    return await logAnalysis(payload, deps, context);
  } finally {
    expect(threads.active).toBe(0);
  }
}

async function drain(_name: string, body: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _piece of body);
}

const PIECE = Buffer.from('2026-01-01T00:00:00Z INFO a line of the log\n'.repeat(2_000));

describe('a log analysis', () => {
  it('asks the store for a piece only when the one before is read, and keeps what it writes as it comes', async () => {
    let given = 0;
    const kept = new Map<string, number>();
    let most = 0;
    const result = await run({
      async *pieces() {
        for (; given < 200; given += 1) yield PIECE;
      },
      size: PIECE.length * 200,
      payload: { templates_jsonl: true },
      keep: async (name, body) => {
        for await (const piece of body) {
          most = Math.max(most, piece.length);
          kept.set(name, (kept.get(name) ?? 0) + piece.length);
        }
      },
    });
    expect(result).toMatchObject({
      lines: 400_000,
      templates: 1,
      files: ['report.json', 'report.html', 'templates.jsonl'],
    });
    expect([...kept.keys()].sort()).toEqual(['report.html', 'report.json', 'templates.jsonl']);
    // 400,000 lines of some 80 bytes: in pieces, never as a whole.
    expect(kept.get('templates.jsonl')).toBeGreaterThan(20_000_000);
    expect(most).toBeLessThan(2_000_000);
  });

  it('is tried again where the store goes away in the middle: half a log is no report', async () => {
    const names: string[] = [];
    const running = run({
      async *pieces() {
        for (let index = 0; index < 20; index += 1) yield PIECE;
        throw new MoltbotError('object_store_unavailable');
      },
      keep: async (name) => void names.push(name),
    });
    await expect(running).rejects.toMatchObject({ code: 'object_store_unavailable', retryable: true });
    expect(names).toEqual([]);
  });

  it('is ended at once when it is cancelled, also while the store is silent, and lets go of what it read', async () => {
    const cancel = new AbortController();
    let left = false;
    const running = run({
      async *pieces() {
        try {
          for (let index = 0; index < 60; index += 1) yield PIECE;
          await new Promise((_resolve, reject) => {
            cancel.signal.addEventListener('abort', () => reject(new Error('aborted')));
          });
        } finally {
          left = true;
        }
      },
      size: PIECE.length * 100,
      signal: cancel.signal,
      onProgress: () => {
        cancel.abort(new MoltbotError('job_cancelled'));
      },
    });
    await expect(running).rejects.toMatchObject({ code: 'job_cancelled' });
    expect(left).toBe(true);
  });

  it('leaves nothing behind at a slow store for each piece that waited', async () => {
    let listeners = 0;
    let waited = 0;
    await run({
      async *pieces() {
        for (let index = 0; index < 200; index += 1) yield PIECE;
      },
      payload: { templates_jsonl: true },
      keep: async (name, body) => {
        if (name !== 'templates.jsonl') return drain(name, body);
        const stream = body as PassThrough;
        for await (const _piece of stream) {
          while (!stream.writableNeedDrain && !stream.writableEnded) await delay(1);
          if (stream.writableNeedDrain) waited += 1;
          listeners = Math.max(listeners, stream.listenerCount('close'));
        }
      },
    });
    expect(waited).toBeGreaterThan(10);
    expect(listeners).toBeLessThan(8);
  });

  it('fails where the template of each line can’t be stored, and keeps nobody waiting', async () => {
    const running = run({
      async *pieces() {
        for (let index = 0; index < 100; index += 1) yield PIECE;
      },
      payload: { templates_jsonl: true },
      keep: async (name, body) => {
        if (name !== 'templates.jsonl') return drain(name, body);
        for await (const _piece of body) throw new MoltbotError('object_store_unavailable');
      },
    });
    await expect(running).rejects.toMatchObject({ code: 'object_store_unavailable' });
  });
});
