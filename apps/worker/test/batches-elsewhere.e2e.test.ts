import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import OpenAI, { toFile } from 'openai';
import { startRedisServer } from '../../../packages/queue/test/redis-server.js';
import type { TestServer } from '../../../packages/queue/test/test-server.js';
import { type S3Server, startS3Server } from '../../../packages/storage/src/objects/__fixtures__/s3-server.js';
import { type PrimaryProcess, startPrimary, temporaryHome } from '../../primary/test/primary-process.js';
import { spawnWorker, type WorkerProcess } from './worker-process.js';

describe('batches with the queue on Redis and the files in a bucket', () => {
  const home = temporaryHome();
  let redis: TestServer;
  let bucket: S3Server;
  let primary: PrimaryProcess;
  let worker: WorkerProcess;

  beforeAll(async () => {
    redis = await startRedisServer();
    bucket = await startS3Server();
    const { url } = redis.connection as { url: string };
    primary = await startPrimary({
      home: home.path,
      config: {
        queue: { url },
        objects: { url: bucket.url, access_key_id: 'S3RVER', secret_access_key: 'S3RVER' },
        models: { primary: 'demo:assistant' },
      },
    });
    worker = spawnWorker({ home: home.path });
    await worker.ready();
  }, 60_000);

  afterAll(async () => {
    worker?.kill('SIGKILL');
    await worker?.ended();
    await primary?.stop();
    await bucket?.stop();
    await redis?.remove();
    home.remove();
  }, 60_000);

  it('are answered all the same', async () => {
    const client = new OpenAI({ baseURL: `${primary.url}/v1`, apiKey: 'any', maxRetries: 0 });
    const lines = ['a', 'b', 'c'].map((id) =>
      JSON.stringify({
        custom_id: id,
        method: 'POST',
        url: '/v1/chat/completions',
        body: { messages: [{ role: 'user', content: id }] },
      }),
    );
    const input = await toFile(Buffer.from(lines.join('\n')), 'in.jsonl');
    const file = await client.files.create({ file: input, purpose: 'batch' });
    const made = await client.batches.create({
      input_file_id: file.id,
      endpoint: '/v1/chat/completions',
      completion_window: '24h',
    });
    let batch = made;
    for (const end = performance.now() + 20_000; batch.status !== 'completed' && performance.now() < end; ) {
      await new Promise((resolve) => {
        setTimeout(resolve, 50);
      });
      batch = await client.batches.retrieve(made.id);
    }
    expect(batch).toMatchObject({ status: 'completed', request_counts: { total: 3, completed: 3, failed: 0 } });
    const text = await (await client.files.content(String(batch.output_file_id))).text();
    expect(
      text
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { custom_id: string }).custom_id),
    ).toEqual(['a', 'b', 'c']);
    await client.files.delete(file.id);
    await expect(client.files.content(file.id)).rejects.toMatchObject({ status: 404 });
  });

  it('are refused in bounded time while the queue is away, and nothing of them is left', async () => {
    const client = new OpenAI({ baseURL: `${primary.url}/v1`, apiKey: 'any', maxRetries: 0 });
    const file = await client.files.create({ file: await toFile(Buffer.from('{}'), 'in.jsonl'), purpose: 'batch' });
    const before = (await client.batches.list()).data.length;
    const make = async () =>
      client.batches.create({
        input_file_id: file.id,
        endpoint: '/v1/chat/completions',
        completion_window: '24h',
      });
    await redis.down();
    const asked = performance.now();
    await expect(make()).rejects.toMatchObject({ status: 503, code: 'queue_unavailable' });
    expect(performance.now() - asked).toBeLessThan(8_000);
    expect((await client.batches.list()).data.length).toBe(before);
    await redis.up();
    for (const end = performance.now() + 15_000; ; ) {
      const made = await make().catch((error: unknown) => error as { readonly status?: unknown });
      if ('id' in made) break;
      expect(made.status).toBe(503);
      if (performance.now() > end) throw new Error('the queue does not come back');
    }
  });
});
