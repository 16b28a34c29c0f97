import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from './__fixtures__/test-database.js';
import { type Database, openDatabase } from './database.js';
import type { FineTuningProgress, NewFineTuning } from './fine-tuning-record.js';
import { createFineTuningStore, type FineTuningStore } from './fine-tunings.js';
import { migrate } from './migrations/migrate.js';
import { followRegisteredModels, listRegisteredModels } from './registered-models.js';

const HOUR = 3_600_000;
const LEASE = { worker: 'w1', leaseMs: HOUR };
const FT = 'ft:gpt-4o-mini:org::abc';

describe('fine-tuning jobs on a real database', () => {
  let test: TestDatabase;
  let db: Database;
  let store: FineTuningStore;
  let made = 0;

  beforeAll(async () => {
    test = await createTestDatabase();
    await migrate({ connection: test.connection });
    db = openDatabase({ connection: test.connection });
    store = createFineTuningStore({ db });
  });

  afterAll(async () => {
    await db?.close();
    await test?.drop();
  });

  function newJob(values: Partial<NewFineTuning> = {}): NewFineTuning {
    made += 1;
    return {
      id: `ftjob-${made}`,
      owner: 'key_a',
      idempotencyKey: undefined,
      requestHash: 'h',
      provider: 'openai',
      model: 'openai:gpt-4o-mini',
      asked: { upstreamModel: 'gpt-4o-mini', suffix: 'mine', metadata: { topic: 'test' } },
      trainingFile: 'file-1',
      trainingKey: 'files/file-1/content',
      validationFile: undefined,
      validationKey: undefined,
      ...values,
    };
  }

  const begun: FineTuningProgress = {
    status: 'running',
    dataSet: { training: { examples: 10 } },
    credential: 'openai',
    uploadBegunAt: 1_000,
    upstreamFile: 'file-up',
    upstreamValidationFile: undefined,
    createBegunAt: 2_000,
    upstreamId: 'ftjob-up',
    upstream: { resultFiles: [], trainedTokens: 7 },
    trouble: { failures: 2, since: 3_000, code: 'rate-limited', missing: 0 },
  };

  it('are made once for a key of their owner’s', async () => {
    const first = await store.create(newJob({ idempotencyKey: 'k' }));
    expect((await store.create(newJob({ idempotencyKey: 'k', requestHash: 'other' }))).id).toBe(first.id);
    expect((await store.create(newJob({ idempotencyKey: 'k', owner: 'key_b' }))).id).not.toBe(first.id);
    expect((await store.create(newJob())).id).not.toBe((await store.create(newJob())).id);
  });

  it('keep what was asked and how far the work has come, for one worker at a time', async () => {
    const job = newJob();
    await store.create(job);
    const { idempotencyKey: _, ...asked } = job;
    expect(await store.find(job.id)).toMatchObject({ ...asked, status: 'validating_files', endedAt: undefined });
    expect(await store.save(job.id, 'w1', begun)).toBeUndefined();
    expect((await store.claim(job.id, LEASE))?.id).toBe(job.id);
    expect(await store.claim(job.id, { worker: 'w2', leaseMs: HOUR })).toBeUndefined();
    expect(await store.save(job.id, 'w1', begun)).toMatchObject(begun);
    expect(await store.save(job.id, 'w2', { ...begun, upstreamId: 'other' })).toBeUndefined();
    expect([await store.beat(job.id, 'w1'), await store.beat(job.id, 'w2')]).toEqual([true, false]);
    expect((await store.claim(job.id, { worker: 'w2', leaseMs: -1 }))?.upstreamId).toBe('ftjob-up');
    await store.release(job.id, 'w2');
    expect((await store.claim(job.id, LEASE))?.id).toBe(job.id);
  });

  it('are seen by their owner only, page by page, by their metadata', async () => {
    const owner = 'key_pages';
    const ids: string[] = [];
    for (const topic of ['a', 'b', 'a']) {
      const job = newJob({ owner, asked: { upstreamModel: 'm', metadata: { topic, more: 'x' } } });
      await store.create(job);
      ids.unshift(job.id);
    }
    const page = await store.list({ owner, limit: 2 });
    expect(page.map(({ id }) => id)).toEqual(ids.slice(0, 2));
    expect((await store.list({ owner, limit: 2, after: ids[1] })).map(({ id }) => id)).toEqual(ids.slice(2));
    const tagged = await store.list({ owner, limit: 9, metadata: { topic: 'a' } });
    expect(tagged.map(({ id }) => id)).toEqual([ids[0], ids[2]]);
    expect(await store.find(ids[0] ?? '', { owner: 'key_other' })).toBeUndefined();
    expect(await store.cancel(ids[0] ?? '', { owner: 'key_other' })).toBeUndefined();
    expect((await store.find(ids[0] ?? ''))?.cancelRequestedAt).toBeUndefined();
  });

  it('keep the wish to be cancelled while the work goes on', async () => {
    const job = newJob();
    await store.create(job);
    await store.claim(job.id, LEASE);
    const asked = await store.cancel(job.id, { owner: 'key_a' });
    expect(asked?.cancelRequestedAt).toBeGreaterThan(0);
    expect((await store.save(job.id, 'w1', begun))?.cancelRequestedAt).toBe(asked?.cancelRequestedAt);
    expect((await store.cancel(job.id))?.cancelRequestedAt).toBe(asked?.cancelRequestedAt);
  });

  it('end once, and register the model that came of them for everybody who follows', async () => {
    const models = followRegisteredModels({ list: async () => listRegisteredModels({ db }), everyMs: HOUR });
    await models.refresh();
    expect(models.of('openai')).toEqual([]);
    const job = newJob();
    await store.create(job);
    await store.claim(job.id, LEASE);
    expect(await store.end(job.id, 'w2', { status: 'failed' })).toBe(false);
    expect(await store.end(job.id, 'w1', { status: 'succeeded', model: FT })).toBe(true);
    expect(await store.end(job.id, 'w1', { status: 'failed' })).toBe(false);
    expect(await store.find(job.id)).toMatchObject({ status: 'succeeded', fineTunedModel: FT });
    expect(await store.claim(job.id, LEASE)).toBeUndefined();
    await models.refresh();
    expect([models.of('openai'), models.of('other')]).toEqual([[FT], []]);
    expect(await listRegisteredModels({ db })).toMatchObject([
      { provider: 'openai', name: FT, baseModel: 'openai:gpt-4o-mini', fineTuningId: job.id },
    ]);
    models.close();
  });

  it('go on with the models that were known while the database does not answer', async () => {
    let away = false;
    const errors: unknown[] = [];
    const list = async () => {
      if (away) throw new Error('away');
      return listRegisteredModels({ db });
    };
    const models = followRegisteredModels({ list, everyMs: HOUR, onError: (error) => errors.push(error) });
    await models.refresh();
    away = true;
    await models.refresh();
    expect([models.of('openai'), errors.length]).toEqual([[FT], 1]);
    // What was seen a moment ago is good enough, and then it is looked for again.
    await models.freshen({ olderThanMs: HOUR, withinMs: HOUR });
    expect(errors.length).toBe(1);
    await models.freshen({ olderThanMs: 0, withinMs: HOUR });
    expect(errors.length).toBe(2);
    models.close();
  });

  it('keep each event and checkpoint once, whatever texts are in them, newest first', async () => {
    const job = newJob();
    await store.create(job);
    const event = (id: string, message = id) => ({ id, at: 5_000, level: 'info', type: 'message', message }) as const;
    const odd = { ...event('e3', 'nul \0, half \ud800, \\u0000'), data: { 'k\0': ['\0'] } };
    await store.addEvents(job.id, [event('e1'), event('e2')]);
    await store.addEvents(job.id, [event('e2', 'again'), odd]);
    const all = await store.events(job.id, { limit: 10 });
    expect(all.map(({ id }) => id)).toEqual(['e3', 'e2', 'e1']);
    expect(all[1]).toEqual(event('e2'));
    expect(all[0]).toMatchObject({ message: 'nul \ufffd, half \ufffd, \\u0000', data: { 'k\ufffd': ['\ufffd'] } });
    expect((await store.events(job.id, { limit: 1, after: 'e3' })).map(({ id }) => id)).toEqual(['e2']);
    const checkpoint = { id: 'c1', at: 5_000, model: `${FT}:ckpt-step-1`, step: 1, metrics: { train_loss: 0.5 } };
    await store.addCheckpoints(job.id, [checkpoint]);
    await store.addCheckpoints(job.id, [checkpoint]);
    expect(await store.checkpoints(job.id, { limit: 10 })).toEqual([checkpoint]);
  });

  it('are told of when nobody has worked on them, once', async () => {
    const job = newJob();
    await store.create(job);
    const unheard = await store.takeUnheard({ before: Date.now() + 1_000, limit: 100 });
    expect(unheard.map(({ id }) => id)).toContain(job.id);
    expect(await store.takeUnheard({ before: Date.now() - 60_000, limit: 100 })).toEqual([]);
  });
});
