import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { settingsSchema } from '@moltbot/config';
import { jobArtifactPrefix } from '@moltbot/contracts';
import { createLogger } from '@moltbot/observability';
import { type ObjectStore, openObjects, openStorage, type Storage } from '@moltbot/storage';
import { createTestDatabase, type TestDatabase } from '../../../../packages/storage/src/__fixtures__/test-database.js';
import type { JobContext, JobDeps } from '../deps.js';
import { batchSweep } from './batch-sweep.js';
import { retention } from './retention.js';
import { trainingSweep } from './training-sweep.js';
import { usageRollup } from './usage-rollup.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

describe('jobs that look after the database', () => {
  let test: TestDatabase;
  let storage: Storage;
  let objects: ObjectStore;
  let directory: string;
  const begun: unknown[] = [];
  const asked: string[] = [];
  const progress: object[] = [];
  const abort = new AbortController();

  beforeAll(async () => {
    test = await createTestDatabase();
    directory = await mkdtemp(join(tmpdir(), 'moltbot-upkeep-'));
    const { connection } = test;
    if (!('url' in connection)) throw new Error('expected a URL');
    const paths = { dataDirectory: directory };
    storage = await openStorage({ settings: { storage: { url: connection.url.reveal() } }, paths });
    objects = await openObjects({ settings: settingsSchema.parse({}), paths });
  });

  afterAll(async () => {
    await objects?.close();
    await storage?.close();
    await test?.drop();
    await rm(directory, { recursive: true, force: true });
  });

  function deps(settings: object = {}): JobDeps {
    return {
      storage: async () => storage,
      objects: async () => objects,
      settings: () => settingsSchema.parse(settings),
      keepsJob: async (id: string) => {
        asked.push(id);
        return !id.includes('gone');
      },
    } as unknown as JobDeps;
  }

  const context: JobContext = {
    jobId: 'j',
    owner: undefined,
    caller: undefined,
    signal: abort.signal,
    logger: createLogger({ role: 'worker', level: 'error' }),
    progress: async (value) => void progress.push(value),
    followUp: async (...call) => {
      begun.push(call);
      return { id: '' };
    },
  };

  function attempt(requestId: string, startedAt: number): void {
    storage.usage.recordAttempt({
      requestId,
      index: 0,
      startedAt,
      provider: 'p',
      model: 'm',
      credential: 'c',
      outcome: 'ok',
      durationMs: 1,
      usage: { inputTokens: 1, outputTokens: 1, source: 'provider' },
      role: 'answer',
    });
  }

  const sumOf = async (table: string): Promise<number> => {
    const [row] = await test.query(`select coalesce(sum(attempts), 0)::integer as sum from ${table}`);
    return Number(row?.['sum']);
  };

  it('sums up all hours at first, then the last two days again, and keeps sums whose rows have gone', async () => {
    expect(await usageRollup({}, deps(), context)).toEqual({ hours: 0, days: 0, sums: 0 });
    const now = Date.now();
    const old = now - 10 * DAY;
    attempt('old', old);
    attempt('young', now - HOUR);
    await storage.usage.flush();
    const first = await usageRollup({}, deps(), context);
    expect(first.hours).toBeGreaterThanOrEqual(240);
    expect([await sumOf('usage_hours'), await sumOf('usage_days')]).toEqual([2, 2]);
    attempt('late', now - 2 * HOUR);
    await storage.usage.flush();
    const second = await usageRollup({}, deps(), context);
    expect(second.hours).toBeLessThanOrEqual(50);
    expect([await sumOf('usage_hours'), await sumOf('usage_days')]).toEqual([3, 3]);
    // The ledger keeps five days; what is older stays in the sums, whoever asks for them anew.
    const { usage } = await retention({}, deps({ storage: { usage_retention: '5d' } }), context);
    expect(usage).toBe(1);
    await usageRollup({ from: new Date(old - DAY).toISOString() }, deps(), context);
    expect([await sumOf('usage_hours'), await sumOf('usage_days')]).toEqual([3, 3]);
  });

  it('deletes no row of the ledger that is in no sum yet', async () => {
    await test.query('delete from usage_hours');
    const { usage } = await retention({}, deps({ storage: { usage_retention: '1d' } }), context);
    expect(usage).toBe(0);
  });

  async function keep(id: string, expiresAt: number | undefined): Promise<void> {
    const objectKey = `files/${id}/content`;
    await storage.files.begin({ id, owner: undefined, objectKey });
    async function* body() {
      yield Buffer.from('x');
    }
    const { size, sha256 } = await objects.put({ key: objectKey, body: body(), maxBytes: 10 });
    await storage.files.finish(id, { purpose: 'batch', name: 'f', bytes: size, sha256, expiresAt });
  }

  it('deletes files whose time is over, uploads that broke off and deletions that were cut short; no others', async () => {
    await keep('file-over', Date.now() - 1);
    await keep('file-later', Date.now() + HOUR);
    await keep('file-ever', undefined);
    await keep('file-half', undefined);
    await storage.files.beginDelete('file-half');
    await storage.files.begin({ id: 'file-broken', owner: undefined, objectKey: 'files/file-broken/content' });
    await storage.files.begin({ id: 'file-under-way', owner: undefined, objectKey: 'files/file-under-way/content' });
    await test.query(`update files set created_at = now() - interval '2 days' where id = 'file-broken'`);
    expect(await retention({}, deps(), context)).toMatchObject({ files: 3 });
    const left = await objects.list({ prefix: 'files/', limit: 10 });
    expect(left.map(({ key }) => key)).toEqual(['files/file-ever/content', 'files/file-later/content']);
    const rows = await test.query('select id from files order by id');
    expect(rows.map(({ id }) => id)).toEqual(['file-ever', 'file-later', 'file-under-way']);
    expect(progress.length).toBeGreaterThan(0);
  });

  async function makeBatch(id: string): Promise<void> {
    await storage.batches.create({
      id,
      owner: undefined,
      caller: undefined,
      idempotencyKey: undefined,
      requestHash: '',
      endpoint: '/v1/embeddings',
      inputFileId: 'file-1',
      inputKey: 'files/file-1/content',
      completionWindow: '24h',
      metadata: undefined,
      outputExpiresMs: undefined,
      expiresAt: Date.now() + DAY,
    });
  }

  it('forgets batches some time after their end, and begins those again that nobody works on', async () => {
    for (const id of ['batch_ended', 'batch_late', 'batch_lost', 'batch_fresh']) await makeBatch(id);
    for (const id of ['batch_ended', 'batch_late']) await storage.batches.end(id, { status: 'completed', files: [] });
    await test.query(`update batches set ended_at = now() - interval '31 days' where id = 'batch_ended'`);
    await test.query(`update batches set heard_at = now() - interval '1 hour' where id = 'batch_lost'`);
    expect(await retention({}, deps(), context)).toMatchObject({ batches: 1 });
    expect(await batchSweep({}, deps(), context)).toEqual({ begun: 1 });
    expect(await batchSweep({}, deps(), context)).toEqual({ begun: 0 });
    expect(begun).toEqual([['batch', { batch_id: 'batch_lost' }, { key: 'batch_lost' }]]);
    expect(await storage.batches.find('batch_ended')).toBeUndefined();
    expect(await storage.batches.find('batch_late')).toMatchObject({ status: 'completed' });
  });

  it('goes on with fine-tuning jobs that nobody works on, once', async () => {
    for (const id of ['ftjob-lost', 'ftjob-ended']) {
      await storage.fineTunings.create({
        id,
        owner: undefined,
        idempotencyKey: undefined,
        requestHash: 'h',
        provider: 'p',
        model: 'p:m',
        asked: { upstreamModel: 'm' },
        trainingFile: 'file-1',
        trainingKey: 'k',
        validationFile: undefined,
        validationKey: undefined,
      });
    }
    await storage.fineTunings.claim('ftjob-ended', { worker: 'w', leaseMs: HOUR });
    await storage.fineTunings.end('ftjob-ended', 'w', { status: 'cancelled' });
    await test.query(`update fine_tunings set heard_at = now() - interval '1 hour'`);
    begun.length = 0;
    expect(await trainingSweep({}, deps(), context)).toEqual({ begun: 1 });
    expect(await trainingSweep({}, deps(), context)).toEqual({ begun: 0 });
    expect(begun).toEqual([['training', { fine_tuning_job: 'ftjob-lost' }, { key: 'ftjob-lost' }]]);
  });

  it('deletes old files of jobs that the queue has forgotten, and asks once for each job', async () => {
    async function leave(id: string, name: string): Promise<void> {
      async function* body() {
        yield Buffer.from('x');
      }
      await objects.put({ key: jobArtifactPrefix(id) + name, body: body(), maxBytes: 10 });
    }
    const aged: Partial<ObjectStore> = {
      delete: async (key) => objects.delete(key),
      list: async (options) =>
        (await objects.list(options)).map((object) => ({
          ...object,
          modifiedAt: object.modifiedAt - (object.key.includes('/old-') ? 31 * DAY : 0),
        })),
    };
    const scheduled = 'repeat:retention-gone:1795000000000';
    await leave('probe-0-gone', 'old-a.json');
    await leave('probe-0-gone', 'old-b.json');
    await leave('probe-0-gone', 'young.json');
    await leave('probe-0-kept', 'old-c.json');
    await leave(scheduled, 'old-d.json');
    asked.length = 0;
    const later = { ...deps(), objects: async () => aged as ObjectStore };
    expect(await retention({}, later, context)).toMatchObject({ artifacts: 3 });
    const left = await objects.list({ prefix: 'jobs/', limit: 10 });
    expect(left.map(({ key }) => key)).toEqual(['jobs/probe-0-gone/young.json', 'jobs/probe-0-kept/old-c.json']);
    expect(asked).toEqual(['probe-0-gone', 'probe-0-kept', scheduled]);
    expect(await retention({}, later, context)).toMatchObject({ artifacts: 0 });
  });

  it('finds the old files of forgotten jobs however many young ones are before them', async () => {
    const young = 250_000;
    const keyOf = (index: number): string => `jobs/probe-0-${String(index).padStart(8, '0')}-gone/a.json`;
    let pages = 0;
    const deleted: string[] = [];
    const many: Partial<ObjectStore> = {
      list: async ({ after, limit }) => {
        pages += 1;
        const from = after === undefined ? 0 : Number(after.slice(13, 21)) + 1;
        return Array.from({ length: Math.max(0, Math.min(limit, young + 1 - from)) }, (_, index) => ({
          key: keyOf(from + index),
          size: 1,
          sha256: undefined,
          contentType: '',
          modifiedAt: from + index === young ? 0 : Date.now(),
        }));
      },
      delete: async (key) => deleted.push(key) > 0,
    };
    const own = { ...context, signal: new AbortController().signal };
    const result = await retention({}, { ...deps(), objects: async () => many as ObjectStore }, own);
    expect(result).toMatchObject({ artifacts: 1 });
    expect(deleted).toEqual([keyOf(young)]);
    expect(pages).toBe(251);
  });

  it('stops in the middle where it is told to', async () => {
    abort.abort(new Error('stop'));
    await expect(retention({}, deps(), context)).rejects.toThrow('stop');
  });
});
