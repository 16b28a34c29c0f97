import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NewBatch } from './batch-record.js';
import { type BatchStore, createBatchStore } from './batches.js';
import { createTestDatabase, type TestDatabase } from './__fixtures__/test-database.js';
import { type Database, openDatabase } from './database.js';
import { createFileStore, type FileStore } from './files.js';
import { migrate } from './migrations/migrate.js';

const HOUR = 3_600_000;
const output = (line: number) => ({ line, kind: 'output' as const, content: `{"n":${line}}` });
const WORKER = 'w1';
const failure = (line: number) => ({ line, kind: 'error' as const, content: '{}' });

describe('files and batches on a real database', () => {
  let test: TestDatabase;
  let db: Database;
  let files: FileStore;
  let batches: BatchStore;
  let made = 0;

  beforeAll(async () => {
    test = await createTestDatabase();
    await migrate({ connection: test.connection });
    db = openDatabase({ connection: test.connection });
    files = createFileStore({ db });
    batches = createBatchStore({ db });
  });

  afterAll(async () => {
    await db?.close();
    await test?.drop();
  });

  function newBatch(values: Partial<NewBatch> = {}): NewBatch {
    made += 1;
    return {
      id: `batch_${made}`,
      owner: 'key_a',
      caller: { name: 'a', models: ['default'], limits: { budget_per_day: 1 } },
      idempotencyKey: undefined,
      requestHash: 'h',
      endpoint: '/v1/chat/completions',
      inputFileId: 'file-1',
      inputKey: 'files/file-1/content',
      completionWindow: '24h',
      metadata: { topic: 'test' },
      outputExpiresMs: undefined,
      expiresAt: Date.now() + HOUR,
      ...values,
    };
  }

  async function begin(id: string, total: number) {
    await batches.claim(id, { worker: WORKER, leaseMs: HOUR });
    return batches.begin(id, { worker: WORKER, total });
  }

  async function upload(id: string, owner: string | undefined, purpose = 'batch', expiresAt?: number) {
    await files.begin({ id, owner, objectKey: `files/${id}/content` });
    return files.finish(id, { purpose, name: 'a.jsonl', bytes: 3, sha256: 'ab', expiresAt });
  }

  it('shows a file once it is finished, to its owner, and no more once its deletion begins or its time is over', async () => {
    await files.begin({ id: 'file-half', owner: 'key_a', objectKey: 'files/file-half/content' });
    expect(await files.find('file-half')).toBeUndefined();
    const file = await upload('file-a', 'key_a');
    expect(file).toMatchObject({ id: 'file-a', owner: 'key_a', bytes: 3, purpose: 'batch' });
    expect(await files.find('file-a', { owner: 'key_a' })).toEqual(file);
    expect(await files.find('file-a', { owner: 'key_b' })).toBeUndefined();
    await upload('file-old', 'key_a', 'batch', Date.now() - 1);
    expect(await files.find('file-old')).toBeUndefined();
    expect(await files.beginDelete('file-a', { owner: 'key_b' })).toBeUndefined();
    expect(await files.beginDelete('file-a', { owner: 'key_a' })).toMatchObject({ id: 'file-a' });
    expect(await files.beginDelete('file-a')).toBeUndefined();
    expect(await files.find('file-a')).toBeUndefined();
    const due = await files.due({ uploadsBefore: Date.now() + HOUR, limit: 10 });
    expect(due.map(({ id }) => id).sort()).toEqual(['file-a', 'file-half', 'file-old']);
    for (const { id } of due) await files.drop(id);
  });

  it('pages through files in the order they came, by owner and purpose', async () => {
    for (const [id, owner, purpose] of [
      ['file-p1', 'key_p', 'batch'],
      ['file-p2', 'key_q', 'batch'],
      ['file-p3', 'key_p', 'user_data'],
      ['file-p4', 'key_p', 'batch'],
    ] as const) {
      await upload(id, owner, purpose);
    }
    const ids = async (options: Partial<Parameters<FileStore['list']>[0]>) =>
      (await files.list({ order: 'desc', limit: 10, ...options })).map(({ id }) => id);
    expect(await ids({ owner: 'key_p' })).toEqual(['file-p4', 'file-p3', 'file-p1']);
    expect(await ids({ owner: 'key_p', limit: 1 })).toEqual(['file-p4']);
    expect(await ids({ owner: 'key_p', after: 'file-p4' })).toEqual(['file-p3', 'file-p1']);
    expect(await ids({ owner: 'key_p', order: 'asc', after: 'file-p1' })).toEqual(['file-p3', 'file-p4']);
    expect(await ids({ purpose: 'batch' })).toEqual(['file-p4', 'file-p2', 'file-p1']);
  });

  it('answers a repetition under the same key with the batch that is there, and keeps callers apart', async () => {
    const first = await batches.create(newBatch({ idempotencyKey: 'k' }));
    const again = await batches.create(newBatch({ idempotencyKey: 'k' }));
    expect(again).toEqual(first);
    const other = await batches.create(newBatch({ idempotencyKey: 'k', owner: 'key_b' }));
    expect(other.id).not.toBe(first.id);
    expect(await batches.find(first.id, { owner: 'key_b' })).toBeUndefined();
    expect(first).toMatchObject({ status: 'validating', metadata: { topic: 'test' }, caller: { models: ['default'] } });
  });

  it('keeps the first result of a line only, counts it once, and writes all of them out in order', async () => {
    const { id } = await batches.create(newBatch());
    expect(await begin(id, 4)).toMatchObject({ status: 'in_progress', total: 4 });
    expect(await batches.save(id, { worker: WORKER, results: [output(3), failure(1)] })).toBe('in_progress');
    await Promise.all([
      batches.save(id, { worker: WORKER, results: [output(3), output(2)] }),
      batches.save(id, { worker: WORKER, results: [output(2), output(1), output(4)] }),
    ]);
    expect(await batches.find(id)).toMatchObject({ completed: 3, failed: 1 });
    expect((await batches.answeredLines(id)).toSorted((left, right) => left - right)).toEqual([1, 2, 3, 4]);
    const results = await batches.results(id, { kind: 'output', after: 0, limit: 2 });
    expect(results).toEqual([output(2), output(3)]);
    expect(await batches.results(id, { kind: 'output', after: 3, limit: 2 })).toEqual([output(4)]);
  });

  it('ends a batch once, with its files, and takes no result any more', async () => {
    const { id } = await batches.create(newBatch());
    await begin(id, 1);
    await batches.save(id, { worker: WORKER, results: [output(1)] });
    await batches.finalizing(id);
    const file = (name: string) => ({
      id: name,
      kind: 'output' as const,
      objectKey: `files/${name}/content`,
      name: 'out.jsonl',
      bytes: 8,
      sha256: undefined,
      expiresAt: Date.now() + HOUR,
    });
    const ends = await Promise.all([
      batches.end(id, { status: 'completed', files: [file('file-e1')] }),
      batches.end(id, { status: 'completed', files: [file('file-e2')] }),
    ]);
    expect(ends.filter(Boolean)).toHaveLength(1);
    const ended = await batches.find(id);
    expect(ended).toMatchObject({ status: 'completed', completed: 1 });
    expect(await files.find(ended?.outputFileId ?? '')).toMatchObject({ owner: 'key_a', purpose: 'batch_output' });
    expect((await files.list({ order: 'asc', limit: 100, purpose: 'batch_output' })).length).toBe(1);
    expect(await batches.save(id, { worker: WORKER, results: [output(2)] })).toBeUndefined();
    expect(await batches.answeredLines(id)).toEqual([]);
    expect(await batches.cancel(id)).toMatchObject({ status: 'completed' });
  });

  it('gives a batch to one worker at a time, and to another when nothing is heard of the first', async () => {
    const { id } = await batches.create(newBatch());
    const claim = (worker: string, leaseMs = HOUR) => batches.claim(id, { worker, leaseMs });
    const claims = await Promise.all(['a', 'b', 'c'].map(async (worker) => claim(worker)));
    expect(claims.filter((claimed) => claimed !== undefined)).toHaveLength(1);
    const first = ['a', 'b', 'c'].find((_worker, index) => claims[index] !== undefined) ?? '';
    expect(await claim(first)).toMatchObject({ id });
    expect(await claim('late')).toBeUndefined();
    expect(await claim('late', -1)).toMatchObject({ id });
    expect(await batches.save(id, { worker: first, results: [output(1)] })).toBeUndefined();
    expect(await batches.begin(id, { worker: first, total: 1 })).toBeUndefined();
    expect(await batches.answeredLines(id)).toEqual([]);
    await batches.release(id, 'late');
    expect(await claim(first)).toMatchObject({ id });
  });

  it('tells who works on a batch that it was cancelled, and finds those that nobody works on', async () => {
    const { id } = await batches.create(newBatch());
    await begin(id, 1);
    expect(await batches.cancel(id, { owner: 'key_b' })).toBeUndefined();
    expect(await batches.cancel(id, { owner: 'key_a' })).toMatchObject({ status: 'cancelling' });
    expect(await batches.save(id, { worker: WORKER, results: [] })).toBe('cancelling');
    const takeUnheard = async () => batches.takeUnheard({ before: Date.now() + HOUR, limit: 100 });
    expect((await takeUnheard()).map((batch) => batch.id)).toContain(id);
    expect(await batches.end(id, { status: 'cancelled', errors: [{ code: 'x', message: 'y' }], files: [] })).toBe(true);
    expect(await batches.find(id)).toMatchObject({ errors: [{ code: 'x', message: 'y' }] });
    expect(await batches.deleteEnded({ before: Date.now() + HOUR, limit: 1 })).toBe(1);
  });
});
