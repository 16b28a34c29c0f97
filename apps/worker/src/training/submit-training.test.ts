import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { MoltbotError } from '@moltbot/contracts';
import { type TrainingFault } from '@moltbot/providers/testing';
import { dataSetKey } from './training-run.js';
import { broken, busy, examples, openTrainingRig, type TrainingRig } from './__fixtures__/training-rig.js';

describe('what a training asks a provider for', () => {
  let rig: TrainingRig;

  beforeAll(async () => {
    rig = await openTrainingRig();
  });

  afterEach(async () => rig.freshService());

  afterAll(async () => rig?.close());

  it('fails with the provider’s words when it refuses the job', async () => {
    const id = await rig.add(examples(10));
    rig.faults('POST', /^\/fine_tuning\/jobs$/, {
      type: 'status',
      status: 400,
      body: {
        error: {
          message: 'Model x is not available for fine-tuning.',
          type: 'invalid_request_error',
          param: 'model',
          code: 'model_not_available',
        },
      },
    });
    const { record } = await rig.run(id);
    expect(record.error).toEqual({
      code: 'model_not_available',
      param: 'model',
      message: 'The provider refused it (HTTP 400): Model x is not available for fine-tuning.',
    });
  });

  it.each<[string, RegExp]>([
    ['files', /^\/files$/],
    ['jobs', /^\/fine_tuning\/jobs$/],
  ])('fails at once at a compatible server that knows no %s', async (_name, path) => {
    const id = await rig.add(examples(10));
    rig.service.fault = (ask) =>
      path.test(ask.path) ? { type: 'status', status: 404, body: '404 page not found' } : undefined;
    const { record, waits } = await rig.run(id);
    expect(record).toMatchObject({ status: 'failed', error: { code: 'fine_tuning_unsupported' } });
    expect(waits).toEqual([]);
  });

  it.each<[string, string, RegExp, TrainingFault]>([
    ['the upload was cut off when it was whole', 'POST', /^\/files$/, { type: 'done-and-cut' }],
    ['the job was made and its answer lost', 'POST', /^\/fine_tuning\/jobs$/, { type: 'done-and-cut' }],
    ['the provider broke before it made the job', 'POST', /^\/fine_tuning\/jobs$/, broken],
    ['the provider was busy', 'POST', /^\/fine_tuning\/jobs$/, busy()],
  ])('makes one file and one job at the provider though %s', async (_name, method, path, fault) => {
    const id = await rig.add(examples(10));
    rig.faults(method, path, fault);
    const job = await rig.begun(id);
    expect((await rig.record(id)).upstreamId).toBe(job.id);
    expect([rig.service.files.size, rig.service.trainings.length]).toEqual([1, 1]);
  });

  it.each<[string, RegExp]>([
    ['the upload', /^\/files$/],
    ['the question for the job', /^\/fine_tuning\/jobs$/],
  ])('makes one file and one job though the worker died over %s, unheard of the answer', async (_name, path) => {
    const id = await rig.add(examples(10));
    const dying = new AbortController();
    rig.service.fault = (ask) => {
      if (ask.method !== 'POST' || !path.test(ask.path)) return undefined;
      setTimeout(() => dying.abort(new MoltbotError('shutting_down')), 100);
      return { type: 'done-and-silent' };
    };
    await expect(rig.turn(id, dying.signal)).rejects.toMatchObject({ code: 'shutting_down' });
    rig.service.fault = () => undefined;
    const job = await rig.begun(id);
    expect((await rig.record(id)).upstreamId).toBe(job.id);
    expect([rig.service.files.size, rig.service.trainings.length]).toEqual([1, 1]);
  });

  it('asks for nothing twice where it can not be known whether the provider took it', async () => {
    const id = await rig.add(examples(10));
    rig.faults('POST', /^\/fine_tuning\/jobs$/, { type: 'done-and-cut' });
    await rig.turn(id);
    rig.service.fault = (ask) =>
      ask.path.startsWith('/fine_tuning/jobs?') ? { type: 'status', status: 404 } : undefined;
    const { record } = await rig.run(id);
    expect(record).toMatchObject({ status: 'failed', error: { code: 'submission_unknown' } });
    expect(rig.asks('POST', /^\/fine_tuning\/jobs$/)).toBe(1);
  });

  it('asks again without looking where the provider said that it took nothing', async () => {
    const id = await rig.add(examples(10));
    const left = [busy(), busy()];
    rig.service.fault = ({ method, path }) =>
      path.startsWith('/fine_tuning/jobs?')
        ? { type: 'status', status: 404 }
        : path === '/fine_tuning/jobs' && method === 'POST'
          ? left.shift()
          : undefined;
    await rig.begun(id);
    expect([rig.asks('POST', /^\/fine_tuning\/jobs$/), rig.service.trainings.length]).toEqual([3, 1]);
  });

  it('is done by one worker at a time', async () => {
    const id = await rig.add(examples(10));
    rig.service.fault = ({ path }) => (path === '/files' ? { type: 'slow', ms: 300 } : undefined);
    const waits = await Promise.all(Array.from({ length: 4 }, async () => rig.turn(id)));
    expect(waits.filter((wait) => wait === 15_000)).toHaveLength(3);
    expect([rig.service.files.size, rig.service.trainings.length]).toEqual([1, 1]);
  });

  it('ends before the provider has heard of it when it is cancelled so early', async () => {
    const id = await rig.add(examples(10));
    await rig.storage.fineTunings.cancel(id);
    expect((await rig.run(id)).record.status).toBe('cancelled');
    expect(rig.service.asked).toEqual([]);
  });

  it('finds the job to cancel at the provider when it does not know yet whether there is one', async () => {
    const id = await rig.add(examples(10));
    rig.faults('POST', /^\/fine_tuning\/jobs$/, { type: 'done-and-cut' });
    await rig.turn(id);
    await rig.storage.fineTunings.cancel(id);
    const { record } = await rig.run(id);
    expect([record.status, rig.service.trainings[0]?.stands['status']]).toEqual(['cancelled', 'cancelled']);
  });

  it('refreshes a token that is rejected, once for each call', async () => {
    rig.tokens = ['old', 'new'];
    rig.service.token = 'new';
    const id = await rig.add(examples(10));
    await rig.begun(id);
    expect(rig.service.asked.map(({ token }) => token).slice(0, 4)).toEqual(['old', 'new', 'new', 'new']);
  });

  it('fails when there is no credential, or the account has no money', async () => {
    rig.credentials = [];
    const none = await rig.add(examples(10));
    expect((await rig.run(none)).record.error).toMatchObject({ code: 'credential_missing' });
    rig.credentials = ['mine'];
    const poor = await rig.add(examples(10));
    rig.faults('POST', /^\/fine_tuning\/jobs$/, {
      type: 'status',
      status: 429,
      body: { error: { code: 'insufficient_quota' } },
    });
    expect((await rig.run(poor)).record.error).toMatchObject({ code: 'quota_exhausted' });
  });

  it('begins nothing for a key that was revoked', async () => {
    const { id: owner } = await rig.storage.apiKeys.create({ name: 'x', hash: 'h', prefix: 'p', scopes: ['jobs'] });
    const id = await rig.add(examples(10), { owner });
    await rig.storage.apiKeys.revoke(owner);
    expect((await rig.run(id)).record.error).toMatchObject({ code: 'invalid_api_key' });
    expect(rig.service.asked).toEqual([]);
  });

  it('builds the data set again when the store has lost it', async () => {
    const id = await rig.add(examples(10));
    rig.service.fault = (ask) => (ask.path === '/files' ? broken : undefined);
    await rig.turn(id);
    await rig.objects.delete(dataSetKey(id, 'training'));
    rig.service.fault = () => undefined;
    await rig.begun(id);
    expect(rig.service.files.size).toBe(1);
  });
});
