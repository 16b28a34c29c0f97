import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { settingsSchema } from '@moltbot/config';
import { Secret } from '@moltbot/contracts';
import { createNetwork } from '@moltbot/network';
import { createLogger } from '@moltbot/observability';
import { createModelRouter, createProviderClient, createUpstreamClient, type UpstreamClient } from '@moltbot/providers';
import { type ServiceTraining, startTrainingService, type TrainingFault, type TrainingService } from '@moltbot/providers/testing';
import { JobLater } from '@moltbot/queue';
import {
  type FineTuningRecord,
  type NewFineTuning,
  type ObjectStore,
  openObjects,
  openStorage,
  type Storage,
} from '@moltbot/storage';
import { createTestDatabase } from '../../../../../packages/storage/src/__fixtures__/test-database.js';
import type { JobContext } from '../../deps.js';
import { runTraining } from '../run-training.js';
import { createTrainingProviders } from '../training-providers.js';

/** A worker's work on trainings over a real database, a real store and a service of its own; the queue is the test itself. */
export interface TrainingRig {
  readonly storage: Storage;
  readonly objects: ObjectStore;
  service: TrainingService;
  /** The token that the vault gives, and what it gives after a refresh. */
  tokens: string[];
  credentials: readonly string[];
  readonly followUps: unknown[];
  /** A fine-tuning job on a file of these lines. */
  add(
    lines: readonly string[],
    values?: Partial<NewFineTuning> & { readonly validation?: readonly string[] },
  ): Promise<string>;
  /** One turn. @returns for how long it is put off, or its result */
  turn(id: string, signal?: AbortSignal): Promise<number | object>;
  /** Turns until the end, or until it holds. @returns how it stands, and the waits */
  run(
    id: string,
    holds?: (record: FineTuningRecord, job: ServiceTraining | undefined) => boolean,
  ): Promise<{ readonly record: FineTuningRecord; readonly waits: readonly number[] }>;
  record(id: string): Promise<FineTuningRecord>;
  readonly settings: { give_up_after: string; poll_interval: string };
  /** How often the provider was asked so. */
  asks(method: string, path: RegExp): number;
  /** The provider has the job. */
  begun(id: string): Promise<ServiceTraining>;
  /** These things happen to requests of one kind, one after the other; then all is well. */
  faults(method: string, path: RegExp, ...list: readonly TrainingFault[]): void;
  freshService(): Promise<void>;
  close(): Promise<void>;
}

const MOST_TURNS = 60;

export const example = (text: string, values: object = {}): string =>
  JSON.stringify({
    messages: [
      { role: 'user', content: text },
      { role: 'assistant', content: 'Yes.' },
    ],
    ...values,
  });

export const examples = (count: number, values: object = {}): readonly string[] =>
  Array.from({ length: count }, (_, index) => example(`question ${index}`, values));

export const broken: TrainingFault = { type: 'status', status: 500, body: 'oops' };

export const busy = (retryAfter?: number): TrainingFault => ({
  type: 'status',
  status: 429,
  body: { error: { code: 'rate_limit_exceeded', message: 'slow down' } },
  ...(retryAfter !== undefined && { retryAfter }),
});

export async function openTrainingRig(): Promise<TrainingRig> {
  const test = await createTestDatabase();
  const directory = await mkdtemp(join(tmpdir(), 'moltbot-training-'));
  const { connection } = test;
  if (!('url' in connection)) throw new Error('expected a URL');
  const paths = { dataDirectory: directory };
  const storage = await openStorage({ settings: { storage: { url: connection.url.reveal() } }, paths });
  const objects = await openObjects({ settings: settingsSchema.parse({}), paths });
  const system = createUpstreamClient({ network: createNetwork({ maxConnections: 1 }) });
  const clients: UpstreamClient[] = [system];
  let made = 0;

  const rig: TrainingRig = {
    storage,
    objects,
    service: await startTrainingService(),
    tokens: ['sk-1'],
    credentials: ['mine'],
    followUps: [],
    settings: { give_up_after: '1h', poll_interval: '100ms' },
    async add(lines, { validation, ...values } = {}) {
      made += 1;
      const id = `ftjob-${made.toString(16).padStart(24, '0')}`;
      const put = async (key: string, content: readonly string[]) =>
        objects.put({ key, body: bytesOf(content.join('\n')), maxBytes: 1e9 });
      await put(`files/${id}`, lines);
      if (validation !== undefined) await put(`files/${id}-v`, validation);
      await storage.fineTunings.create({
        id,
        owner: undefined,
        idempotencyKey: undefined,
        requestHash: 'h',
        provider: 'mine',
        model: 'mine:gpt-4o-mini',
        asked: { upstreamModel: 'gpt-4o-mini-2024-07-18' },
        trainingFile: 'file-1',
        trainingKey: `files/${id}`,
        validationFile: validation === undefined ? undefined : 'file-2',
        validationKey: validation === undefined ? undefined : `files/${id}-v`,
        ...values,
      });
      return id;
    },
    async turn(id, signal = new AbortController().signal) {
      const context: JobContext = {
        jobId: 'j',
        owner: undefined,
        caller: undefined,
        signal,
        logger: createLogger({ role: 'worker', console: 'none' }),
        progress: async () => undefined,
        followUp: async (...call) => {
          rig.followUps.push(call);
          return { id: '' };
        },
      };
      try {
        return await runTraining({ fine_tuning_job: id }, deps(), context);
      } catch (error) {
        if (error instanceof JobLater) return error.delayMs;
        throw error;
      }
    },
    async run(id, holds = () => false) {
      const waits: number[] = [];
      for (let turns = 0; turns < MOST_TURNS; turns += 1) {
        const wait = await rig.turn(id);
        const record = await rig.record(id);
        if (typeof wait !== 'number') return { record, waits };
        waits.push(wait);
        const job = rig.service.trainings.find((one) => one.id === record.upstreamId);
        if (holds(record, job)) return { record, waits };
        await delay(Math.min(wait, 120));
      }
      throw new Error(`no end after ${MOST_TURNS} turns: ${JSON.stringify(await rig.record(id))}`);
    },
    async record(id) {
      const record = await storage.fineTunings.find(id);
      if (record === undefined) throw new Error(`no record ${id}`);
      return record;
    },
    asks: (method, path) => rig.service.asked.filter((ask) => ask.method === method && path.test(ask.path)).length,
    async begun(id) {
      await rig.run(id, (_record, job) => job !== undefined);
      const job = rig.service.trainings.at(-1);
      if (job === undefined) throw new Error('no job at the provider');
      return job;
    },
    faults(method, path, ...list) {
      const left = [...list];
      rig.service.fault = (ask) => (ask.method === method && path.test(ask.path) ? left.shift() : undefined);
    },
    async freshService() {
      await rig.service.close();
      rig.service = await startTrainingService();
      rig.tokens = ['sk-1'];
      rig.credentials = ['mine'];
      rig.settings.give_up_after = '1h';
    },
    async close() {
      for (const client of clients) await client.close();
      await rig.service.close();
      await objects.close();
      await storage.close();
      await test.drop();
      await rm(directory, { recursive: true, force: true });
    },
  };

  function deps() {
    const settings = settingsSchema.parse({
      models: { primary: 'mine:gpt-4o-mini' },
      providers: {
        mine: {
          kind: 'openai',
          base_url: rig.service.baseUrl,
          models: {
            'gpt-4o-mini': { upstream_name: 'gpt-4o-mini-2024-07-18', price: { input: 1, output: 1, training: 25 } },
          },
        },
      },
      worker: { training: rig.settings },
    });
    const vault = {
      credentialsFor: () => rig.credentials.map((id) => ({ id, provider: 'mine', type: 'api_key' as const })),
      tokenFor: () => new Secret(rig.tokens[0] ?? ''),
      refreshAfterRejection: async () => {
        rig.tokens.shift();
        return rig.tokens.length > 0;
      },
    };
    const router = createModelRouter({ settings: () => settings, vault, demoBaseUrl: () => 'http://127.0.0.1:1' });
    return {
      settings: () => settings,
      objects: async () => objects,
      storage: async () => storage,
      training: createTrainingProviders({
        router,
        vault,
        clientFor: (provider) => {
          const client = createProviderClient({ provider, system: undefined });
          clients.push(client);
          return client;
        },
      }),
    };
  }

  return rig;
}

async function* bytesOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}
