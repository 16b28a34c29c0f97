import { join } from 'node:path';
import { setTimeout as sleepFor } from 'node:timers/promises';
import { generateApiKey } from '@moltbot/auth';
import { type ServiceTraining, startTrainingService, type TrainingService } from '@moltbot/providers/testing';
import { openStorage } from '@moltbot/storage';
import OpenAI, { toFile } from 'openai';
import { type PrimaryProcess, startPrimary, temporaryHome } from '../../primary/test/primary-process.js';
import { spawnWorker, type WorkerProcess } from './worker-process.js';

export const BASE = 'tuner:gpt-4o-mini';
const ENDED = new Set(['succeeded', 'failed', 'cancelled']);
const PATIENCE_MS = 25_000;

export type Training = OpenAI.FineTuning.FineTuningJob & {
  readonly moltbot: { readonly provider_job: string | null; readonly data_set: unknown };
};

/** A primary and a worker as processes, and a service that trains models. */
export interface FineTuningRig {
  readonly service: TrainingService;
  readonly url: () => string;
  readonly client: (name?: string) => OpenAI;
  /** A request with the key of that name. */
  ask(
    path: string,
    options?: { readonly as?: string; readonly body?: object; readonly headers?: Record<string, string> },
  ): Promise<Response>;
  upload(lines: readonly string[], as?: string, purpose?: OpenAI.FilePurpose): Promise<string>;
  submit(values?: object, as?: string): Promise<Training>;
  until(id: string, holds?: (job: Training) => boolean): Promise<Training>;
  /** The provider's side of a job, once it has it. */
  atProvider(id: string): Promise<ServiceTraining>;
  eventually(what: string, holds: () => boolean | Promise<boolean>): Promise<void>;
  restartPrimary(): Promise<void>;
  startWorker(): Promise<void>;
  /** SIGKILL. */
  killWorker(): Promise<void>;
  close(): Promise<void>;
}

export const example = (text: string, values: object = {}): string =>
  JSON.stringify({
    messages: [
      { role: 'user', content: text },
      { role: 'assistant', content: 'Yes.' },
    ],
    ...values,
  });

export const examples = (count = 12, values: object = {}): readonly string[] =>
  Array.from({ length: count }, (_, index) => example(`question ${index}`, values));

export async function openFineTuningRig(): Promise<FineTuningRig> {
  const home = temporaryHome();
  const service = await startTrainingService();
  const storage = await openStorage({
    settings: { storage: { url: 'embedded' } },
    paths: { dataDirectory: join(home.path, 'data') },
  });
  const keys: Record<string, string> = {};
  for (const [name, values] of [
    ['plain', {}],
    ['other', {}],
    ['narrow', { models: ['demo:assistant'] }],
    ['tuners', { models: ['tuner:*'] }],
  ] as const) {
    const { key, hash, prefix } = generateApiKey();
    await storage.apiKeys.create({ name, hash, prefix, scopes: ['jobs', 'chat'], ...values });
    keys[name] = key.reveal();
  }
  const config = {
    models: { primary: 'demo:assistant', chains: { mine: { primary: BASE } } },
    providers: {
      tuner: {
        kind: 'openai',
        base_url: service.baseUrl,
        models: { 'gpt-4o-mini': { price: { input: 1, output: 1, training: 25 } } },
      },
    },
    worker: { takeover_after: '2s', training: { poll_interval: '300ms' } },
  };
  let primary: PrimaryProcess = await startPrimary({
    home: home.path,
    config: { ...config, server: { access: 'api_key' } },
    auth: { tuner: { type: 'api_key', key: 'sk-tuner' } },
  });
  let worker: WorkerProcess = spawnWorker({ home: home.path });
  await worker.ready();
  const client = (name = 'plain'): OpenAI =>
    new OpenAI({ baseURL: `${primary.url}/v1`, apiKey: keys[name] ?? '', maxRetries: 0 });

  const rig: FineTuningRig = {
    service,
    url: () => primary.url,
    client,
    ask: async (path, { as = 'plain', body, headers } = {}) =>
      fetch(primary.url + path, {
        method: body === undefined ? 'GET' : 'POST',
        headers: { authorization: `Bearer ${keys[as]}`, 'content-type': 'application/json', ...headers },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      }),
    async upload(lines, as = 'plain', purpose = 'fine-tune') {
      const file = await toFile(Buffer.from(lines.join('\n')), 'examples.jsonl');
      return (await client(as).files.create({ file, purpose })).id;
    },
    async submit(values = {}, as = 'plain') {
      const training_file = await rig.upload(examples(), as);
      return (await client(as).fineTuning.jobs.create({ model: BASE, training_file, ...values })) as Training;
    },
    async until(id, holds = ({ status }) => ENDED.has(status)) {
      for (const end = performance.now() + PATIENCE_MS; ; ) {
        const job = (await client().fineTuning.jobs.retrieve(id)) as Training;
        if (holds(job)) return job;
        if (performance.now() > end) throw new Error(`still ${JSON.stringify(job)}`);
        await sleepFor(50);
      }
    },
    async atProvider(id) {
      const { moltbot } = await rig.until(id, (job) => job.moltbot.provider_job !== null);
      const job = service.trainings.find((one) => one.id === moltbot.provider_job);
      if (job === undefined) throw new Error('the provider has no such job');
      return job;
    },
    async eventually(what, holds) {
      for (const end = performance.now() + PATIENCE_MS; !(await holds()); ) {
        if (performance.now() > end) throw new Error(`${what} did not come about`);
        await sleepFor(30);
      }
    },
    async restartPrimary() {
      const { port } = new URL(primary.url);
      await primary.stop();
      primary = await startPrimary({
        home: home.path,
        config: { ...config, server: { access: 'api_key', port: Number(port) } },
      });
    },
    async startWorker() {
      worker = spawnWorker({ home: home.path });
      await worker.ready();
    },
    async killWorker() {
      worker.kill('SIGKILL');
      await worker.ended();
    },
    async close() {
      await rig.killWorker();
      await primary.stop();
      await storage.close();
      await service.close();
      home.remove();
    },
  };
  return rig;
}
