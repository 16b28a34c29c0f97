import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { MoltbotError } from '@moltbot/contracts';
import { recordedTraining, type TrainingFault } from '@moltbot/providers/testing';
import { listRegisteredModels } from '@moltbot/storage';
import { dataSetKey } from './training-run.js';
import { example, examples, openTrainingRig, type TrainingRig } from './__fixtures__/training-rig.js';

const FT = recordedTraining.RECORDED_SUCCESS['fine_tuned_model'] as string;

describe('a training', () => {
  let rig: TrainingRig;

  beforeAll(async () => {
    rig = await openTrainingRig();
  });

  afterEach(async () => rig.freshService());

  afterAll(async () => rig?.close());

  const asks = (method: string, path: RegExp) =>
    rig.service.asked.filter((ask) => ask.method === method && path.test(ask.path)).length;
  const begun = async (id: string) => {
    await rig.run(id, (_record, job) => job !== undefined);
    const job = rig.service.trainings.at(-1);
    if (job === undefined) throw new Error('no job at the provider');
    return job;
  };
  /** These things happen to requests of one kind, one after the other; then all is well. */
  function faults(method: string, path: RegExp, ...list: readonly TrainingFault[]): void {
    const left = [...list];
    rig.service.fault = (ask) => (ask.method === method && path.test(ask.path) ? left.shift() : undefined);
  }
  const busy = (retryAfter?: number): TrainingFault => ({
    type: 'status',
    status: 429,
    body: { error: { code: 'rate_limit_exceeded', message: 'slow down' } },
    ...(retryAfter !== undefined && { retryAfter }),
  });
  const broken: TrainingFault = { type: 'status', status: 500, body: 'oops' };

  it('goes from the file to a model in the catalogue, with its events, checkpoints and cost', async () => {
    const id = await rig.add(examples(12, { source: 'crm' }), {
      owner: 'user:ann',
      validation: examples(2),
      asked: {
        upstreamModel: 'gpt-4o-mini-2024-07-18',
        suffix: 'mine',
        seed: 7,
        metadata: { team: 'a' },
        method: { type: 'supervised' },
      },
    });
    const job = await begun(id);
    expect(await rig.record(id)).toMatchObject({ status: 'validating_files', upstreamId: job.id, credential: 'mine' });
    expect(await rig.objects.head(dataSetKey(id, 'training'))).toBeUndefined();
    const files = [...rig.service.files.entries()];
    expect(files.map(([, { name }]) => name)).toEqual([
      `moltbot-${id}-validation.jsonl`,
      `moltbot-${id}-training.jsonl`,
    ]);
    expect(files[1]?.[1].content.toString()).toBe(`${examples(12).join('\n')}\n`);
    expect(job.asked).toEqual({
      model: 'gpt-4o-mini-2024-07-18',
      training_file: files[1]?.[0],
      validation_file: files[0]?.[0],
      suffix: 'mine',
      seed: 7,
      metadata: { team: 'a' },
      method: { type: 'supervised' },
    });
    job.stands = { status: 'running', estimated_finish: 1_721_770_000 };
    await rig.turn(id);
    expect(await rig.record(id)).toMatchObject({
      status: 'running',
      upstream: { estimatedFinish: 1_721_770_000_000 },
    });
    rig.service.succeed(job);
    expect(await rig.turn(id)).toEqual({ fine_tuning_job: id, status: 'succeeded', model: `mine:${FT}`, error: null });
    expect(await rig.record(id)).toMatchObject({ status: 'succeeded', fineTunedModel: FT, trouble: undefined });
    expect(await listRegisteredModels(rig.storage)).toMatchObject([
      { provider: 'mine', name: FT, baseModel: 'mine:gpt-4o-mini', fineTuningId: id },
    ]);
    const events = await rig.storage.fineTunings.events(id, { limit: 100 });
    expect(events.map(({ message }) => message).toReversed()).toEqual([
      'The training data set has 12 examples: about 144 tokens, the longest example about 12, 12 fields left out.',
      'The validation data set has 2 examples: about 24 tokens, the longest example about 12.',
      'Created fine-tuning job: ftjob-abc123',
      'Step 100/100: training loss=0.00',
      'New fine-tuned model created: ft:gpt-4o-mini:openai::7p4lURel',
    ]);
    expect(await rig.storage.fineTunings.checkpoints(id, { limit: 9 })).toMatchObject([{ step: 2_000 }]);
    const rows = await rig.storage.db.run<{
      cost_micros: number;
      input_tokens: number;
      operation: string;
      api_key_id: string;
    }>(
      {
        name: 'test_requests',
        text: 'select * from requests where request_id = $1',
      },
      [id],
    );
    expect(rows).toMatchObject([
      { operation: 'fine-tuning', api_key_id: 'user:ann', input_tokens: 5_768, cost_micros: 5_768 * 25 },
    ]);
    // Once more, as a worker would that was killed in between: nothing is done again.
    const before = rig.service.asked.length;
    expect(await rig.turn(id)).toMatchObject({ status: 'succeeded' });
    expect(rig.service.asked.length).toBe(before);
  });

  it('learns from rated conversations those that are good enough', async () => {
    const lines = [...examples(11, { rating: 5 }), ...examples(3, { rating: 5 }), example('poor', { rating: 1 })];
    const id = await rig.add(lines, { asked: { upstreamModel: 'm', minRating: 4 } });
    await begun(id);
    expect([...rig.service.files.values()][0]?.content.toString()).toBe(`${examples(11).join('\n')}\n`);
    expect((await rig.record(id)).dataSet).toMatchObject({ training: { examples: 11, duplicates: 3, belowRating: 1 } });
  });

  it('fails over a file that can not be learned from, and tells the provider nothing', async () => {
    const id = await rig.add([...examples(12), '{"messages":[]}']);
    const { record } = await rig.run(id);
    expect(record).toMatchObject({
      status: 'failed',
      error: {
        code: 'invalid_training_file',
        param: 'training_file',
        message:
          'One line of the training file can not be learned from. Line 13: messages: expected a list that is not empty.',
      },
    });
    expect((await rig.storage.fineTunings.events(id, { limit: 9 })).map(({ level }) => level)).toEqual(['error']);
    expect(rig.service.asked).toEqual([]);
  });

  it('fails with the provider’s words when it can not learn from the file', async () => {
    const id = await rig.add(examples(10));
    (await begun(id)).stands = recordedTraining.RECORDED_FAILURE;
    const { record } = await rig.run(id);
    expect(record).toMatchObject({ status: 'failed', error: recordedTraining.RECORDED_FAILURE['error'] });
  });

  it('fails with the provider’s words when it refuses the job', async () => {
    const id = await rig.add(examples(10));
    faults('POST', /^\/fine_tuning\/jobs$/, {
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

  it('goes on through limits, faults and slow answers while it asks how the job stands', async () => {
    const id = await rig.add(examples(10));
    const job = await begun(id);
    faults('GET', /ftjob/, busy(3), broken, { type: 'status', status: 200, body: '<html>' }, { type: 'slow', ms: 300 });
    expect(await rig.turn(id)).toBeGreaterThanOrEqual(3_000);
    expect(await rig.record(id)).toMatchObject({ trouble: { code: 'rate_limited', failures: 1, missing: 0 } });
    expect([await rig.turn(id), await rig.turn(id)]).toEqual([200, 400]);
    expect(await rig.record(id)).toMatchObject({
      status: 'validating_files',
      trouble: { code: 'upstream_error', failures: 3 },
    });
    await rig.turn(id);
    expect(await rig.record(id)).toMatchObject({ trouble: undefined });
    rig.service.succeed(job);
    expect((await rig.run(id)).record.status).toBe('succeeded');
  });

  it('succeeds without the events that the provider can not give', async () => {
    const id = await rig.add(examples(10));
    rig.service.succeed(await begun(id));
    rig.service.fault = (ask) => (/events|checkpoints/.test(ask.path) ? broken : undefined);
    const { record, waits } = await rig.run(id);
    expect([record.status, waits.length]).toEqual(['succeeded', 3]);
  });

  it('believes a provider that does not know the job when it says so three times', async () => {
    const id = await rig.add(examples(10));
    const job = await begun(id);
    faults('GET', /ftjob/, { type: 'status', status: 404 }, { type: 'status', status: 404 });
    await rig.turn(id);
    await rig.turn(id);
    await rig.turn(id);
    expect(await rig.record(id)).toMatchObject({ status: 'validating_files', trouble: undefined });
    rig.service.forget(job);
    const { record, waits } = await rig.run(id);
    expect(record).toMatchObject({ status: 'failed', error: { code: 'provider_job_missing' } });
    expect(waits).toHaveLength(2);
  });

  it('gives up when the provider could not be asked for so long, and says that the job may go on there', async () => {
    const id = await rig.add(examples(10));
    const job = await begun(id);
    rig.settings.give_up_after = '1s';
    rig.service.fault = () => broken;
    const { record } = await rig.run(id);
    expect(record).toMatchObject({ status: 'failed', error: { code: 'upstream_error' } });
    expect(record.error?.message).toContain(`The job there (${job.id}) may go on.`);
  });

  it.each<[string, string, RegExp, TrainingFault]>([
    ['the upload was cut off when it was whole', 'POST', /^\/files$/, { type: 'done-and-cut' }],
    ['the job was made and its answer lost', 'POST', /^\/fine_tuning\/jobs$/, { type: 'done-and-cut' }],
    ['the provider broke before it made the job', 'POST', /^\/fine_tuning\/jobs$/, broken],
    ['the provider was busy', 'POST', /^\/fine_tuning\/jobs$/, busy()],
  ])('makes one file and one job at the provider though %s', async (_name, method, path, fault) => {
    const id = await rig.add(examples(10));
    faults(method, path, fault);
    const job = await begun(id);
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
    const job = await begun(id);
    expect((await rig.record(id)).upstreamId).toBe(job.id);
    expect([rig.service.files.size, rig.service.trainings.length]).toEqual([1, 1]);
  });

  it('asks for nothing twice where it can not be known whether the provider took it', async () => {
    const id = await rig.add(examples(10));
    faults('POST', /^\/fine_tuning\/jobs$/, { type: 'done-and-cut' });
    await rig.turn(id);
    rig.service.fault = (ask) =>
      ask.path.startsWith('/fine_tuning/jobs?') ? { type: 'status', status: 404 } : undefined;
    const { record } = await rig.run(id);
    expect(record).toMatchObject({ status: 'failed', error: { code: 'submission_unknown' } });
    expect(asks('POST', /^\/fine_tuning\/jobs$/)).toBe(1);
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
    await begun(id);
    expect([asks('POST', /^\/fine_tuning\/jobs$/), rig.service.trainings.length]).toEqual([3, 1]);
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

  it('is cancelled at the provider too', async () => {
    const id = await rig.add(examples(10));
    const job = await begun(id);
    job.stands = { status: 'running' };
    await rig.storage.fineTunings.cancel(id);
    faults('POST', /cancel/, busy(), broken);
    const { record } = await rig.run(id);
    expect([record.status, record.error, job.stands['status']]).toEqual(['cancelled', undefined, 'cancelled']);
    expect(asks('POST', /cancel/)).toBe(3);
  });

  it('finds the job to cancel at the provider when it does not know yet whether there is one', async () => {
    const id = await rig.add(examples(10));
    faults('POST', /^\/fine_tuning\/jobs$/, { type: 'done-and-cut' });
    await rig.turn(id);
    await rig.storage.fineTunings.cancel(id);
    const { record } = await rig.run(id);
    expect([record.status, rig.service.trainings[0]?.stands['status']]).toEqual(['cancelled', 'cancelled']);
  });

  it('keeps the model of a job that had ended when it was to be cancelled', async () => {
    const id = await rig.add(examples(10));
    const job = await begun(id);
    rig.service.succeed(job);
    await rig.storage.fineTunings.cancel(id);
    rig.service.fault = (ask) =>
      ask.path.endsWith('/cancel')
        ? {
            type: 'status',
            status: 400,
            body: { error: { message: 'Job has already completed', type: 'invalid_request_error' } },
          }
        : undefined;
    expect((await rig.run(id)).record).toMatchObject({ status: 'succeeded', fineTunedModel: FT });
  });

  it('is cancelled where its job in the queue is', async () => {
    const id = await rig.add(examples(10));
    const stop = new AbortController();
    rig.service.fault = () => {
      setTimeout(() => stop.abort(new MoltbotError('job_cancelled')), 50);
      return { type: 'silence' };
    };
    await expect(rig.turn(id, stop.signal)).rejects.toMatchObject({ code: 'job_cancelled' });
    expect(rig.followUps.at(-1)).toEqual(['training', { fine_tuning_job: id }, { key: 'after-cancel' }]);
    rig.service.fault = () => undefined;
    expect((await rig.run(id)).record.status).toBe('cancelled');
    expect(rig.service.trainings).toEqual([]);
  });

  it('refreshes a token that is rejected, once for each call', async () => {
    rig.tokens = ['old', 'new'];
    rig.service.token = 'new';
    const id = await rig.add(examples(10));
    await begun(id);
    expect(rig.service.asked.map(({ token }) => token).slice(0, 4)).toEqual(['old', 'new', 'new', 'new']);
  });

  it('fails when the credential is rejected before it begins, and waits for a better one when the job is there', async () => {
    rig.service.token = 'sk-other';
    const first = await rig.add(examples(10));
    expect((await rig.run(first)).record).toMatchObject({ status: 'failed', error: { code: 'credential_rejected' } });
    rig.service.token = undefined;
    rig.tokens = ['sk-1'];
    const id = await rig.add(examples(10));
    const job = await begun(id);
    rig.service.token = 'sk-2';
    await rig.turn(id);
    expect(await rig.record(id)).toMatchObject({
      status: 'validating_files',
      trouble: { code: 'credential_rejected' },
    });
    rig.credentials = [];
    await rig.turn(id);
    expect(await rig.record(id)).toMatchObject({
      status: 'validating_files',
      trouble: { code: 'credential_missing', failures: 2 },
    });
    rig.credentials = ['mine'];
    rig.tokens = ['sk-2'];
    rig.service.succeed(job);
    expect((await rig.run(id)).record.status).toBe('succeeded');
  });

  it('fails when there is no credential, or the account has no money', async () => {
    rig.credentials = [];
    const none = await rig.add(examples(10));
    expect((await rig.run(none)).record.error).toMatchObject({ code: 'credential_missing' });
    rig.credentials = ['mine'];
    const poor = await rig.add(examples(10));
    faults('POST', /^\/fine_tuning\/jobs$/, {
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
    await begun(id);
    expect(rig.service.files.size).toBe(1);
  });

  it('is nothing that goes on once it is deleted', async () => {
    await expect(rig.turn('ftjob-none')).rejects.toMatchObject({ code: 'not_found' });
  });
});
