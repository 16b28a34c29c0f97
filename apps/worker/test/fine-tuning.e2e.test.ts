import { join } from 'node:path';
import { setTimeout as sleepFor } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { generateApiKey } from '@moltbot/auth';
import { recordedTraining, startTrainingService, type TrainingService } from '@moltbot/providers/testing';
import { openStorage, type Storage } from '@moltbot/storage';
import OpenAI, { toFile } from 'openai';
import { type PrimaryProcess, startPrimary, temporaryHome } from '../../primary/test/primary-process.js';
import { spawnWorker, type WorkerProcess } from './worker-process.js';

const BASE = 'tuner:gpt-4o-mini';
const FT = `tuner:${String(recordedTraining.RECORDED_SUCCESS['fine_tuned_model'])}`;
const ENDED = new Set(['succeeded', 'failed', 'cancelled']);
const PATIENCE_MS = 25_000;

type Training = OpenAI.FineTuning.FineTuningJob & {
  readonly moltbot: { readonly provider_job: string | null; readonly data_set: unknown };
};

const configOf = (baseUrl: string) => ({
  models: { primary: 'demo:assistant', chains: { mine: { primary: BASE } } },
  providers: {
    tuner: {
      kind: 'openai',
      base_url: baseUrl,
      models: { 'gpt-4o-mini': { price: { input: 1, output: 1, training: 25 } } },
    },
  },
  worker: { takeover_after: '2s', training: { poll_interval: '300ms' } },
});

describe('fine-tuning', () => {
  const home = temporaryHome();
  let service: TrainingService;
  let storage: Storage;
  let primary: PrimaryProcess;
  let worker: WorkerProcess;
  const keys: Record<string, { readonly id: string; readonly secret: string }> = {};
  const client = (name = 'plain'): OpenAI =>
    new OpenAI({ baseURL: `${primary.url}/v1`, apiKey: keys[name]?.secret ?? '', maxRetries: 0 });

  beforeAll(async () => {
    service = await startTrainingService();
    storage = await openStorage({
      settings: { storage: { url: 'embedded' } },
      paths: { dataDirectory: join(home.path, 'data') },
    });
    for (const [name, values] of [
      ['plain', {}],
      ['other', {}],
      ['narrow', { models: ['demo:assistant'] }],
      ['tuners', { models: ['tuner:*'] }],
    ] as const) {
      const { key, hash, prefix } = generateApiKey();
      const { id } = await storage.apiKeys.create({ name, hash, prefix, scopes: ['jobs', 'chat'], ...values });
      keys[name] = { id, secret: key.reveal() };
    }
    primary = await startPrimary({
      home: home.path,
      config: { ...configOf(service.baseUrl), server: { access: 'api_key' } },
      auth: { tuner: { type: 'api_key', key: 'sk-tuner' } },
    });
    await startWorker();
  }, 60_000);

  afterEach(() => {
    service.fault = () => undefined;
    service.newStands = {};
  });

  afterAll(async () => {
    worker?.kill('SIGKILL');
    await worker?.ended();
    await primary?.stop();
    await storage?.close();
    await service?.close();
    home.remove();
  });

  async function startWorker(): Promise<void> {
    worker = spawnWorker({ home: home.path });
    await worker.ready();
  }

  async function killWorker(): Promise<void> {
    worker.kill('SIGKILL');
    await worker.ended();
  }

  const example = (text: string, values: object = {}): string =>
    JSON.stringify({
      messages: [
        { role: 'user', content: text },
        { role: 'assistant', content: 'Yes.' },
      ],
      ...values,
    });

  async function upload(
    lines: readonly string[],
    as = 'plain',
    purpose: OpenAI.FilePurpose = 'fine-tune',
  ): Promise<string> {
    const file = await toFile(Buffer.from(lines.join('\n')), 'examples.jsonl');
    return (await client(as).files.create({ file, purpose })).id;
  }

  const examples = (count = 12, values: object = {}) =>
    Array.from({ length: count }, (_, index) => example(`question ${index}`, values));

  async function submit(values: object = {}, as = 'plain'): Promise<Training> {
    const training_file = await upload(examples(), as);
    return (await client(as).fineTuning.jobs.create({ model: BASE, training_file, ...values })) as Training;
  }

  async function until(
    id: string,
    holds: (job: Training) => boolean = ({ status }) => ENDED.has(status),
  ): Promise<Training> {
    for (const end = performance.now() + PATIENCE_MS; ; ) {
      const job = (await client().fineTuning.jobs.retrieve(id)) as Training;
      if (holds(job)) return job;
      if (performance.now() > end) throw new Error(`still ${JSON.stringify(job)}`);
      await sleepFor(50);
    }
  }

  async function atProvider(id: string) {
    const { moltbot } = await until(id, (job) => job.moltbot.provider_job !== null);
    const job = service.trainings.find((one) => one.id === moltbot.provider_job);
    if (job === undefined) throw new Error('the provider has no such job');
    return job;
  }

  async function eventually(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
    for (const end = performance.now() + PATIENCE_MS; !(await holds()); ) {
      if (performance.now() > end) throw new Error(`${what} did not come about`);
      await sleepFor(30);
    }
  }

  const queueJobs = async (as = 'plain') => {
    const response = await fetch(`${primary.url}/v1/jobs?type=training&limit=100`, {
      headers: { authorization: `Bearer ${keys[as]?.secret}` },
    });
    return ((await response.json()) as { data: { id: string; state: string }[] }).data;
  };

  it('trains a model through OpenAI’s own client, which can be asked at once, and after a restart', async () => {
    const made = await submit({ suffix: 'mine', metadata: { team: 'a' }, method: { type: 'supervised' } });
    expect(made).toMatchObject({
      object: 'fine_tuning.job',
      model: BASE,
      status: 'validating_files',
      metadata: { team: 'a' },
    });
    const job = await atProvider(made.id);
    expect(service.asked.every(({ token }) => token === 'sk-tuner')).toBe(true);
    job.stands = { status: 'running' };
    expect(await until(made.id, ({ status }) => status === 'running')).toMatchObject({
      fine_tuned_model: null,
      error: null,
    });
    expect((await queueJobs())[0]).toMatchObject({ state: expect.stringMatching(/delayed|active|waiting/) });
    service.succeed(job);
    const done = await until(made.id);
    expect(done).toMatchObject({
      status: 'succeeded',
      fine_tuned_model: FT,
      trained_tokens: 5_768,
      hyperparameters: { n_epochs: 3 },
      moltbot: { data_set: { training: { examples: 12 } } },
    });
    const events: string[] = [];
    for await (const event of client().fineTuning.jobs.listEvents(made.id, { limit: 2 })) events.push(event.message);
    expect(events.toReversed()).toEqual([
      expect.stringMatching(/^The training data set has 12 examples/),
      'Created fine-tuning job: ftjob-abc123',
      'Step 100/100: training loss=0.00',
      'New fine-tuned model created: ft:gpt-4o-mini:openai::7p4lURel',
    ]);
    const checkpoints = await client().fineTuning.jobs.checkpoints.list(made.id);
    expect(checkpoints.data).toMatchObject([
      {
        fine_tuned_model_checkpoint: expect.stringMatching(/^tuner:ft:.*:ckpt-step-2000$/),
        fine_tuning_job_id: made.id,
      },
    ]);
    const [queued] = await queueJobs();
    await eventually('the end of the job', async () => (await queueJobs())[0]?.state === 'completed');
    const result = await fetch(`${primary.url}/v1/jobs/${queued?.id}/result`, {
      headers: { authorization: `Bearer ${keys['plain']?.secret}` },
    });
    expect(await result.json()).toMatchObject({ result: { status: 'succeeded', model: FT, fine_tuning_job: made.id } });

    async function asksAndLists(): Promise<void> {
      const bare = FT.slice('tuner:'.length);
      for (const model of [FT, bare]) {
        const answer = await client().chat.completions.create({ model, messages: [{ role: 'user', content: 'Hi' }] });
        expect(answer.choices[0]?.message.content).toBe(`I am ${bare}.`);
      }
      const listed = async (as: string) => (await client(as).models.list()).data.map(({ id }) => id);
      expect(await listed('plain')).toContain(FT);
      expect(await listed('tuners')).toContain(FT);
      expect(await listed('narrow')).not.toContain(FT);
      const ask = client('narrow').chat.completions.create({ model: FT, messages: [{ role: 'user', content: 'Hi' }] });
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
    await eventually('the worker’s list', async () => {
      const batch = await client().batches.create({
        input_file_id: await upload([JSON.stringify(line)], 'plain', 'batch'),
        endpoint: '/v1/chat/completions',
        completion_window: '24h',
      });
      await eventually('the batch', async () => (await client().batches.retrieve(batch.id)).status === 'completed');
      return (await client().batches.retrieve(batch.id)).request_counts?.completed === 1;
    });
    const { port } = new URL(primary.url);
    await primary.stop();
    primary = await startPrimary({
      home: home.path,
      config: { ...configOf(service.baseUrl), server: { access: 'api_key', port: Number(port) } },
    });
    await asksAndLists();
  }, 60_000);

  it('learns from rated conversations, submitted as a job', async () => {
    const lines = [...examples(11, { rating: 5 }), example('bad', { rating: 1 })];
    const payload = { model: BASE, training_file: await upload(lines), min_rating: 4 };
    const post = async (body: object, headers: object = {}) =>
      fetch(`${primary.url}/v1/jobs`, {
        method: 'POST',
        body: JSON.stringify({ type: 'training', ...body }),
        headers: { authorization: `Bearer ${keys['plain']?.secret}`, 'content-type': 'application/json', ...headers },
      });
    const wrong = await post({ payload: { ...payload, model: undefined } });
    expect([wrong.status, await wrong.json()]).toMatchObject([422, { error: { param: 'payload.model' } }]);
    const foreign = await post({ payload: { fine_tuning_job: 'ftjob-1' } });
    expect(foreign.status).toBe(422);
    const first = await post({ payload }, { 'idempotency-key': 'once' });
    const again = await post({ payload }, { 'idempotency-key': 'once' });
    const { id } = (await first.json()) as { id: string };
    expect([first.status, again.status, ((await again.json()) as { id: string }).id]).toEqual([202, 200, id]);
    expect((await post({ payload: { ...payload, min_rating: 3 } }, { 'idempotency-key': 'once' })).status).toBe(409);
    const [made] = (await client().fineTuning.jobs.list({ limit: 1 })).data;
    const training = await atProvider(made?.id ?? '');
    expect(service.files.get(String(training.asked['training_file']))?.content.toString()).toBe(
      `${examples(11).join('\n')}\n`,
    );
    const cancelled = await fetch(`${primary.url}/v1/jobs/${id}/cancel`, {
      method: 'POST',
      headers: { authorization: `Bearer ${keys['plain']?.secret}` },
    });
    expect(cancelled.status).toBe(200);
    expect((await until(made?.id ?? '')).status).toBe('cancelled');
    expect(training.stands['status']).toBe('cancelled');
  });

  it('survives workers that are killed between polls, and makes one job of it', async () => {
    const { id } = await submit();
    const job = await atProvider(id);
    const before = service.trainings.length;
    for (let kills = 0; kills < 2; kills += 1) {
      const asked = service.asked.length;
      await eventually('a poll', () => service.asked.length > asked);
      await killWorker();
      await startWorker();
    }
    service.succeed(job, { fine_tuned_model: 'ft:killed::1' });
    expect(await until(id)).toMatchObject({ status: 'succeeded', fine_tuned_model: 'tuner:ft:killed::1' });
    expect(service.trainings.length).toBe(before);
  }, 60_000);

  it.each<[string, (path: string) => boolean]>([
    ['over the upload', (path) => path === '/files'],
    ['between the upload and the job', (path) => path === '/fine_tuning/jobs'],
  ])(
    'makes one file and one job at the provider though the worker is killed %s, unheard of the answer',
    async (_name, hits) => {
      const before = { files: service.files.size, trainings: service.trainings.length };
      const heard = Promise.withResolvers<void>();
      service.fault = ({ method, path }) => {
        if (method !== 'POST' || !hits(path)) return undefined;
        heard.resolve();
        return { type: 'done-and-silent' };
      };
      const { id } = await submit();
      await heard.promise;
      await eventually('what is asked for', () =>
        hits('/files') ? service.files.size > before.files : service.trainings.length > before.trainings,
      );
      await killWorker();
      service.fault = () => undefined;
      await startWorker();
      const job = await atProvider(id);
      service.succeed(job, { fine_tuned_model: `ft:once::${service.trainings.length}` });
      expect((await until(id)).status).toBe('succeeded');
      expect([service.files.size - before.files, service.trainings.length - before.trainings]).toEqual([1, 1]);
    },
    60_000,
  );

  it('is cancelled through OpenAI’s own client, at the provider too', async () => {
    const { id } = await submit();
    const job = await atProvider(id);
    job.stands = { status: 'running' };
    await client().fineTuning.jobs.cancel(id);
    expect(await until(id)).toMatchObject({ status: 'cancelled', error: null });
    expect(job.stands['status']).toBe('cancelled');
    expect((await client().fineTuning.jobs.cancel(id)).status).toBe('cancelled');
  });

  it('shows its owner only, page by page, and by metadata', async () => {
    const ids: string[] = [];
    for (const topic of ['a', 'b', 'a']) ids.unshift((await submit({ metadata: { topic } }, 'other')).id);
    const listed: string[] = [];
    for await (const job of client('other').fineTuning.jobs.list({ limit: 2 })) listed.push(job.id);
    expect(listed).toEqual(ids);
    const tagged = await client('other').fineTuning.jobs.list({ metadata: { topic: 'a' } });
    expect(tagged.data.map(({ id }) => id)).toEqual([ids[0], ids[2]]);
    const [id = ''] = ids;
    await expect(client().fineTuning.jobs.retrieve(id)).rejects.toMatchObject({ status: 404, code: 'not_found' });
    await expect(client().fineTuning.jobs.cancel(id)).rejects.toMatchObject({ status: 404 });
    await expect(client().fineTuning.jobs.listEvents(id)).rejects.toMatchObject({ status: 404 });
    await expect(client().fineTuning.jobs.checkpoints.list(id)).rejects.toMatchObject({ status: 404 });
    for (const other of ids) await client('other').fineTuning.jobs.cancel(other);
  });

  it('refuses what can not be trained before anything is begun', async () => {
    const training_file = await upload(examples());
    const other = await upload(examples(), 'other');
    const batch = await upload(examples(), 'plain', 'batch');
    const before = (await client().fineTuning.jobs.list()).data.length;
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
      const made = client().fineTuning.jobs.create(body as never);
      await expect(made).rejects.toMatchObject({ status, code, param });
    }
    const forbidden = client('narrow').fineTuning.jobs.create({ model: BASE, training_file });
    await expect(forbidden).rejects.toMatchObject({ status: 403, code: 'permission_denied' });
    expect((await client().fineTuning.jobs.list()).data.length).toBe(before);
  });

  it('tells what is wrong with a file, line by line', async () => {
    const training_file = await upload([...examples(), '{"messages":[{"role":"bot"}]}']);
    const { id } = await client().fineTuning.jobs.create({ model: BASE, training_file });
    expect(await until(id)).toMatchObject({
      status: 'failed',
      error: {
        code: 'invalid_training_file',
        param: 'training_file',
        message: expect.stringContaining('Line 13: messages.0.role'),
      },
    });
    const [event] = (await client().fineTuning.jobs.listEvents(id)).data;
    expect(event).toMatchObject({
      level: 'error',
      message: expect.stringMatching(/^Line 13: messages\.0\.role: expected one of/),
    });
  });
});
