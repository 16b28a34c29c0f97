import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { recordedTraining } from '@moltbot/providers/testing';
import { BASE, example, examples, type FineTuningRig, openFineTuningRig } from './fine-tuning-rig.js';

const FT = `tuner:${String(recordedTraining.RECORDED_SUCCESS['fine_tuned_model'])}`;

describe('fine-tuning', () => {
  let rig: FineTuningRig;

  beforeAll(async () => {
    rig = await openFineTuningRig();
  }, 60_000);

  afterEach(() => {
    rig.service.fault = () => undefined;
    rig.service.newStands = {};
  });

  afterAll(async () => rig?.close());

  const queueJobs = async () => {
    const response = await rig.ask('/v1/jobs?type=training&limit=100');
    return ((await response.json()) as { data: { id: string; state: string }[] }).data;
  };

  it('trains a model through OpenAI’s own client, which can be asked at once, and after a restart', async () => {
    const made = await rig.submit({ suffix: 'mine', metadata: { team: 'a' }, method: { type: 'supervised' } });
    expect(made).toMatchObject({
      object: 'fine_tuning.job',
      model: BASE,
      status: 'validating_files',
      metadata: { team: 'a' },
    });
    const job = await rig.atProvider(made.id);
    expect(rig.service.asked.every(({ token }) => token === 'sk-tuner')).toBe(true);
    job.stands = { status: 'running' };
    expect(await rig.until(made.id, ({ status }) => status === 'running')).toMatchObject({
      fine_tuned_model: null,
      error: null,
    });
    expect((await queueJobs())[0]).toMatchObject({ state: expect.stringMatching(/delayed|active|waiting/) });
    rig.service.succeed(job);
    const done = await rig.until(made.id);
    expect(done).toMatchObject({
      status: 'succeeded',
      fine_tuned_model: FT,
      trained_tokens: 5_768,
      hyperparameters: { n_epochs: 3 },
      moltbot: { data_set: { training: { examples: 12 } } },
    });
    const events: string[] = [];
    for await (const event of rig.client().fineTuning.jobs.listEvents(made.id, { limit: 2 }))
      events.push(event.message);
    expect(events.toReversed()).toEqual([
      expect.stringMatching(/^The training data set has 12 examples/),
      'Created fine-tuning job: ftjob-abc123',
      'Step 100/100: training loss=0.00',
      'New fine-tuned model created: ft:gpt-4o-mini:openai::7p4lURel',
    ]);
    const checkpoints = await rig.client().fineTuning.jobs.checkpoints.list(made.id);
    expect(checkpoints.data).toMatchObject([
      {
        fine_tuned_model_checkpoint: expect.stringMatching(/^tuner:ft:.*:ckpt-step-2000$/),
        fine_tuning_job_id: made.id,
      },
    ]);
    const [queued] = await queueJobs();
    await rig.eventually('the end of the job', async () => (await queueJobs())[0]?.state === 'completed');
    const result = await rig.ask(`/v1/jobs/${queued?.id}/result`);
    expect(await result.json()).toMatchObject({ result: { status: 'succeeded', model: FT, fine_tuning_job: made.id } });

    async function asksAndLists(): Promise<void> {
      const bare = FT.slice('tuner:'.length);
      for (const model of [FT, bare]) {
        const answer = await rig
          .client()
          .chat.completions.create({ model, messages: [{ role: 'user', content: 'Hi' }] });
        expect(answer.choices[0]?.message.content).toBe(`I am ${bare}.`);
      }
      const listed = async (as: string) => (await rig.client(as).models.list()).data.map(({ id }) => id);
      expect(await listed('plain')).toContain(FT);
      expect(await listed('tuners')).toContain(FT);
      expect(await listed('narrow')).not.toContain(FT);
      const ask = rig
        .client('narrow')
        .chat.completions.create({ model: FT, messages: [{ role: 'user', content: 'Hi' }] });
      await expect(ask).rejects.toMatchObject({ status: 403 });
    }
    await asksAndLists();
    // A worker knows it too: by its bare name, which only the catalogue explains.
    const line = {
      custom_id: 'a',
      method: 'POST',
      url: '/v1/chat/completions',
      body: { model: FT.slice(6), messages: [{ role: 'user', content: 'Hi' }] },
    };
    await rig.eventually('the worker’s list', async () => {
      const batch = await rig.client().batches.create({
        input_file_id: await rig.upload([JSON.stringify(line)], 'plain', 'batch'),
        endpoint: '/v1/chat/completions',
        completion_window: '24h',
      });
      await rig.eventually(
        'the batch',
        async () => (await rig.client().batches.retrieve(batch.id)).status === 'completed',
      );
      return (await rig.client().batches.retrieve(batch.id)).request_counts?.completed === 1;
    });
    await rig.restartPrimary();
    await asksAndLists();
  }, 60_000);

  it('learns from rated conversations, submitted as a job', async () => {
    const lines = [...examples(11, { rating: 5 }), example('bad', { rating: 1 })];
    const payload = { model: BASE, training_file: await rig.upload(lines), min_rating: 4 };
    const post = async (body: object, headers: Record<string, string> = {}) =>
      rig.ask('/v1/jobs', { body: { type: 'training', ...body }, headers });
    const wrong = await post({ payload: { ...payload, model: undefined } });
    expect([wrong.status, await wrong.json()]).toMatchObject([422, { error: { param: 'payload.model' } }]);
    const foreign = await post({ payload: { fine_tuning_job: 'ftjob-1' } });
    expect(foreign.status).toBe(422);
    const first = await post({ payload }, { 'idempotency-key': 'once' });
    const again = await post({ payload }, { 'idempotency-key': 'once' });
    const { id } = (await first.json()) as { id: string };
    expect([first.status, again.status, ((await again.json()) as { id: string }).id]).toEqual([202, 200, id]);
    expect((await post({ payload: { ...payload, min_rating: 3 } }, { 'idempotency-key': 'once' })).status).toBe(409);
    const [made] = (await rig.client().fineTuning.jobs.list({ limit: 1 })).data;
    const training = await rig.atProvider(made?.id ?? '');
    expect(rig.service.files.get(String(training.asked['training_file']))?.content.toString()).toBe(
      `${examples(11).join('\n')}\n`,
    );
    const cancelled = await rig.ask(`/v1/jobs/${id}/cancel`, { body: {} });
    expect(cancelled.status).toBe(200);
    expect((await rig.until(made?.id ?? '')).status).toBe('cancelled');
    expect(training.stands['status']).toBe('cancelled');
  });

  it('survives workers that are killed between polls, and makes one job of it', async () => {
    const { id } = await rig.submit();
    const job = await rig.atProvider(id);
    const before = rig.service.trainings.length;
    for (let kills = 0; kills < 2; kills += 1) {
      const asked = rig.service.asked.length;
      await rig.eventually('a poll', () => rig.service.asked.length > asked);
      await rig.killWorker();
      await rig.startWorker();
    }
    rig.service.succeed(job, { fine_tuned_model: 'ft:killed::1' });
    expect(await rig.until(id)).toMatchObject({ status: 'succeeded', fine_tuned_model: 'tuner:ft:killed::1' });
    expect(rig.service.trainings.length).toBe(before);
  }, 60_000);

  it.each<[string, (path: string) => boolean]>([
    ['over the upload', (path) => path === '/files'],
    ['between the upload and the job', (path) => path === '/fine_tuning/jobs'],
  ])(
    'makes one file and one job at the provider though the worker is killed %s, unheard of the answer',
    async (_name, hits) => {
      const before = { files: rig.service.files.size, trainings: rig.service.trainings.length };
      const heard = Promise.withResolvers<void>();
      rig.service.fault = ({ method, path }) => {
        if (method !== 'POST' || !hits(path)) return undefined;
        heard.resolve();
        return { type: 'done-and-silent' };
      };
      const { id } = await rig.submit();
      await heard.promise;
      await rig.eventually('what is asked for', () =>
        hits('/files') ? rig.service.files.size > before.files : rig.service.trainings.length > before.trainings,
      );
      await rig.killWorker();
      rig.service.fault = () => undefined;
      await rig.startWorker();
      const job = await rig.atProvider(id);
      rig.service.succeed(job, { fine_tuned_model: `ft:once::${rig.service.trainings.length}` });
      expect((await rig.until(id)).status).toBe('succeeded');
      expect([rig.service.files.size - before.files, rig.service.trainings.length - before.trainings]).toEqual([1, 1]);
    },
    60_000,
  );

  it('is cancelled through OpenAI’s own client, at the provider too', async () => {
    const { id } = await rig.submit();
    const job = await rig.atProvider(id);
    job.stands = { status: 'running' };
    await rig.client().fineTuning.jobs.cancel(id);
    expect(await rig.until(id)).toMatchObject({ status: 'cancelled', error: null });
    expect(job.stands['status']).toBe('cancelled');
    expect((await rig.client().fineTuning.jobs.cancel(id)).status).toBe('cancelled');
  });

  it('shows its owner only, page by page, and by metadata', async () => {
    const ids: string[] = [];
    for (const topic of ['a', 'b', 'a']) ids.unshift((await rig.submit({ metadata: { topic } }, 'other')).id);
    const listed: string[] = [];
    for await (const job of rig.client('other').fineTuning.jobs.list({ limit: 2 })) listed.push(job.id);
    expect(listed).toEqual(ids);
    const tagged = await rig.client('other').fineTuning.jobs.list({ metadata: { topic: 'a' } });
    expect(tagged.data.map(({ id }) => id)).toEqual([ids[0], ids[2]]);
    const [id = ''] = ids;
    await expect(rig.client().fineTuning.jobs.retrieve(id)).rejects.toMatchObject({ status: 404, code: 'not_found' });
    await expect(rig.client().fineTuning.jobs.cancel(id)).rejects.toMatchObject({ status: 404 });
    await expect(rig.client().fineTuning.jobs.listEvents(id)).rejects.toMatchObject({ status: 404 });
    await expect(rig.client().fineTuning.jobs.checkpoints.list(id)).rejects.toMatchObject({ status: 404 });
    for (const other of ids) await rig.client('other').fineTuning.jobs.cancel(other);
  });

  it('refuses what can not be trained before anything is begun', async () => {
    const training_file = await rig.upload(examples());
    const other = await rig.upload(examples(), 'other');
    const batch = await rig.upload(examples(), 'plain', 'batch');
    const before = (await rig.client().fineTuning.jobs.list()).data.length;
    for (const [body, status, code, param] of [
      [{ model: 'anthropic:claude', training_file }, 400, 'fine_tuning_unsupported', 'model'],
      [{ model: 'mine', training_file }, 400, 'invalid_request', 'model'],
      [{ model: 'nobody:m', training_file }, 404, 'model_not_found', 'model'],
      [{ model: BASE, training_file: other }, 400, 'invalid_request', 'training_file'],
      [{ model: BASE, training_file: batch }, 400, 'invalid_request', 'training_file'],
      [{ model: BASE, training_file, validation_file: other }, 400, 'invalid_request', 'validation_file'],
      [{ model: BASE, training_file, method: { type: 'reinforcement' } }, 400, 'invalid_request', 'method.type'],
      [
        { model: BASE, training_file, hyperparameters: { n_epochs: 0 } },
        400,
        'invalid_request',
        'hyperparameters.n_epochs',
      ],
      [{ model: BASE, training_file, integrations: [{ type: 'wandb' }] }, 400, 'invalid_request', 'integrations'],
      [{ model: BASE, training_file, nonsense: 1 }, 400, 'invalid_request', 'nonsense'],
    ] as const) {
      const made = rig.client().fineTuning.jobs.create(body as never);
      await expect(made).rejects.toMatchObject({ status, code, param });
    }
    const forbidden = rig.client('narrow').fineTuning.jobs.create({ model: BASE, training_file });
    await expect(forbidden).rejects.toMatchObject({ status: 403, code: 'permission_denied' });
    expect((await rig.client().fineTuning.jobs.list()).data.length).toBe(before);
  });

  it('tells what is wrong with a file, line by line', async () => {
    const training_file = await rig.upload([...examples(), '{"messages":[{"role":"bot"}]}']);
    const { id } = await rig.client().fineTuning.jobs.create({ model: BASE, training_file });
    expect(await rig.until(id)).toMatchObject({
      status: 'failed',
      error: {
        code: 'invalid_training_file',
        param: 'training_file',
        message: expect.stringContaining('Line 13: messages.0.role'),
      },
    });
    const [event] = (await rig.client().fineTuning.jobs.listEvents(id)).data;
    expect(event).toMatchObject({
      level: 'error',
      message: expect.stringMatching(/^Line 13: messages\.0\.role: expected one of/),
    });
  });
});
