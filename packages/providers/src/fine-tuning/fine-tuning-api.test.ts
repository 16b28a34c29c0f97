import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createNetwork } from '@moltbot/network';
import { settingsSchema } from '@moltbot/config';
import { Secret } from '@moltbot/contracts';
import { createProvider } from '../catalogue.js';
import { createUpstreamClient } from '../http/upstream-client.js';
import type { UpstreamClient } from '../http/upstream.js';
import { startTrainingService, type TrainingService } from '../testing/training-service.js';
import { createFineTuningApi, type FineTuningApi } from './fine-tuning-api.js';

const SIGNAL = new AbortController().signal;
const MB = 1_048_576;

let service: TrainingService;
let client: UpstreamClient;
let tokens: string[];
let refreshed: string[];
let api: FineTuningApi;

beforeEach(async () => {
  service = await startTrainingService();
  client = createUpstreamClient({ network: createNetwork({ maxConnections: 4 }) });
  tokens = ['sk-1', 'sk-2'];
  refreshed = [];
  const { mine } = settingsSchema.parse({
    providers: { mine: { kind: 'openai', base_url: service.baseUrl } },
  }).providers;
  if (mine === undefined) throw new Error('no settings');
  api = createFineTuningApi({
    provider: createProvider('mine', mine),
    client,
    credential: { id: 'mine', type: 'api_key' },
    vault: {
      tokenFor: () => new Secret(tokens[0] ?? ''),
      refreshAfterRejection: async (_id, rejected) => {
        refreshed.push(rejected.reveal());
        tokens.shift();
        return tokens.length > 0;
      },
    },
  });
});

afterEach(async () => {
  await client.close();
  await service.close();
});

function content(
  size: number,
  chunk = 65_536,
): { open: () => Promise<AsyncGenerator<Uint8Array>>; opened: () => number } {
  let opened = 0;
  return {
    opened: () => opened,
    async open() {
      opened += 1;
      return (async function* pieces() {
        for (let at = 0; at < size; at += chunk) yield Buffer.alloc(Math.min(chunk, size - at), at % 251);
      })();
    },
  };
}

const training = (trainingFile: string) => ({ model: 'gpt-4o-mini', trainingFile, idempotencyKey: 'k' });

describe('the fine-tuning API of a provider', () => {
  it('uploads a file as it is read, byte for byte, and finds it again by name and size', async () => {
    const size = 9 * MB + 7;
    const { open } = content(size);
    const file = await api.uploadFile({ fileName: 'moltbot-1.jsonl', size, open }, SIGNAL);
    const hash = createHash('sha256');
    for await (const piece of await open()) hash.update(piece);
    const kept = service.files.get(file.id);
    expect(kept?.name).toBe('moltbot-1.jsonl');
    expect(
      createHash('sha256')
        .update(kept?.content ?? '')
        .digest('hex'),
    ).toBe(hash.digest('hex'));
    expect(service.asked[0]?.body.toString('latin1')).toContain('name="purpose"\r\n\r\nfine-tune\r\n');
    for (let count = 0; count < 120; count += 1) {
      await api.uploadFile({ fileName: `other-${count}.jsonl`, size: 1, open: content(1).open }, SIGNAL);
    }
    expect((await api.findFile({ fileName: 'moltbot-1.jsonl', size }, SIGNAL))?.id).toBe(file.id);
    expect(await api.findFile({ fileName: 'moltbot-1.jsonl', size: size + 1 }, SIGNAL)).toBeUndefined();
  });

  it('refreshes a rejected credential once, and sends the file again from its beginning', async () => {
    service.token = 'sk-2';
    const { open, opened } = content(3 * MB);
    const file = await api.uploadFile({ fileName: 'a.jsonl', size: 3 * MB, open }, SIGNAL);
    expect(service.files.get(file.id)?.content).toHaveLength(3 * MB);
    expect([refreshed, opened(), service.asked.map(({ token }) => token)]).toEqual([['sk-1'], 2, ['sk-1', 'sk-2']]);
  });

  it('says that a credential is rejected when another one is too, and asks no third time', async () => {
    service.token = 'sk-9';
    await expect(api.get('ftjob-1', SIGNAL)).rejects.toMatchObject({ kind: 'credential-rejected', status: 401 });
    expect([refreshed, service.asked.length]).toEqual([['sk-1'], 2]);
  });

  it('makes, finds, shows and cancels a job', async () => {
    const file = await api.uploadFile({ fileName: 'a.jsonl', size: 5, open: content(5).open }, SIGNAL);
    const made = await api.create(
      { ...training(file.id), suffix: 'mine', seed: 7, metadata: { moltbot: 'x' }, method: { type: 'supervised' } },
      SIGNAL,
    );
    expect(service.trainings[0]?.asked).toEqual({
      model: 'gpt-4o-mini',
      training_file: file.id,
      suffix: 'mine',
      seed: 7,
      metadata: { moltbot: 'x' },
      method: { type: 'supervised' },
    });
    expect(service.asked.at(-1)?.headers['idempotency-key']).toBe('k');
    const other = await api.uploadFile({ fileName: 'b.jsonl', size: 5, open: content(5).open }, SIGNAL);
    for (let count = 0; count < 130; count += 1) await api.create(training(other.id), SIGNAL);
    expect((await api.find({ trainingFile: file.id, notBefore: 0 }, SIGNAL))?.id).toBe(made.id);
    expect(await api.find({ trainingFile: 'file-none', notBefore: 0 }, SIGNAL)).toBeUndefined();
    const pages = service.asked.length;
    expect(await api.find({ trainingFile: file.id, notBefore: Date.now() + 60_000 }, SIGNAL)).toBeUndefined();
    expect(service.asked.length - pages).toBe(1);
    expect(await api.get(made.id, SIGNAL)).toMatchObject({ id: made.id, status: 'validating_files' });
    expect(await api.cancel(made.id, SIGNAL)).toMatchObject({ status: 'cancelled' });
  });

  it('gives the events in their order, as far back as they are not known, and checkpoints', async () => {
    const file = await api.uploadFile({ fileName: 'a.jsonl', size: 5, open: content(5).open }, SIGNAL);
    const { id } = await api.create(training(file.id), SIGNAL);
    const [job] = service.trainings;
    if (job === undefined) throw new Error('no job');
    service.succeed(job);
    const all = await api.events(id, { isKnown: () => false, signal: SIGNAL });
    expect(all.map((event) => event.id)).toEqual([0, 1, 2].map((index) => `ftevent-${id}-${index}`));
    const some = await api.events(id, { isKnown: (known) => known.endsWith('-1'), signal: SIGNAL });
    expect(some.map((event) => event.id)).toEqual([`ftevent-${id}-2`]);
    expect(await api.checkpoints(id, SIGNAL)).toMatchObject([{ step: 2_000 }]);
  });

  it.each<[string, Parameters<TrainingService['fault']>[0]['method'], number, unknown, string]>([
    ['busy', 'GET', 429, { error: { code: 'rate_limit_exceeded', message: 'slow down' } }, 'rate-limited'],
    ['broken', 'GET', 500, 'oops', 'server-error'],
    ['of another mind', 'GET', 200, '<html>', 'not-an-answer'],
    ['without such a job', 'GET', 404, { error: { message: 'none' } }, 'model-not-found'],
    ['without money', 'POST', 429, { error: { code: 'insufficient_quota' } }, 'quota-exhausted'],
  ])('tells of a provider that is %s as any call does', async (_name, method, status, body, kind) => {
    service.fault = () => ({ type: 'status', status, body, retryAfter: 7 });
    const call = method === 'GET' ? api.get('ftjob-1', SIGNAL) : api.create(training('file-1'), SIGNAL);
    await expect(call).rejects.toMatchObject({ kind, status });
  });

  it('says of a file of ours that can not be read that it is ours, and leaves no request behind', async () => {
    const open = async () =>
      (async function* pieces() {
        yield Buffer.alloc(70_000);
        throw new Error('the store is away');
      })();
    const upload = api.uploadFile({ fileName: 'a.jsonl', size: 200_000, open }, SIGNAL);
    await expect(upload).rejects.toThrow('the store is away');
    expect(service.files.size).toBe(0);
  });

  it('ends an upload at once when it is given up', async () => {
    const stop = new AbortController();
    service.fault = () => ({ type: 'silence' });
    const upload = api.uploadFile({ fileName: 'a.jsonl', size: MB, open: content(MB).open }, stop.signal);
    setTimeout(() => stop.abort(new Error('enough')), 50);
    await expect(upload).rejects.toMatchObject({ kind: 'cancelled' });
  });
});
