import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createNetwork } from '@moltbot/network';
import { settingsSchema } from '@moltbot/config';
import { createProvider } from '../catalogue.js';
import { createFineTuningApi, type FineTuningApi } from '../fine-tuning/fine-tuning-api.js';
import { createUpstreamClient } from '../http/upstream-client.js';
import type { UpstreamClient } from '../http/upstream.js';
import { type DemoUpstream, startDemoUpstream } from './demo-upstream.js';

const signal = new AbortController().signal;

describe('the demo’s fine-tuning', () => {
  let demo: DemoUpstream;
  let client: UpstreamClient;
  let time: number;
  let api: FineTuningApi;

  beforeEach(async () => {
    time = 1_700_000_000_000;
    await open();
    client = createUpstreamClient({ network: createNetwork({ maxConnections: 2 }) });
  });

  afterEach(async () => {
    await client.close();
    await demo.close();
  });

  async function open(): Promise<void> {
    demo = await startDemoUpstream({ now: () => time });
    const { mine } = settingsSchema.parse({ providers: { mine: { kind: 'demo', base_url: demo.baseUrl } } }).providers;
    if (mine === undefined) throw new Error('no settings');
    const vault = { tokenFor: () => Promise.reject(new Error('none')), refreshAfterRejection: async () => false };
    const get = async (...call: Parameters<UpstreamClient['get']>) => client.get(...call);
    const post = async (...call: Parameters<UpstreamClient['post']>) => client.post(...call);
    api = createFineTuningApi({
      provider: createProvider('mine', mine),
      client: { get, post },
      vault,
      credential: undefined,
    });
  }

  async function begin(suffix?: string) {
    const size = 4_000;
    const content = async () =>
      (async function* one() {
        yield Buffer.alloc(size, 65);
      })();
    const file = await api.uploadFile({ fileName: 'a.jsonl', size, open: content }, signal);
    expect(file.bytes).toBe(size);
    expect((await api.findFile({ fileName: 'a.jsonl', size }, signal))?.id).toBe(file.id);
    const job = await api.create({ model: 'assistant', trainingFile: file.id, suffix, idempotencyKey: 'k' }, signal);
    expect((await api.find({ trainingFile: file.id, notBefore: 0 }, signal))?.id).toBe(job.id);
    return job;
  }

  it('goes through its states to a model that the demo answers to, also over a restart, and says that it is simulated', async () => {
    const { id } = await begin('My Suffix!');
    const states: string[] = [];
    for (const at of [0, 1_000, 2_000, 5_900]) {
      time = 1_700_000_000_000 + at;
      states.push((await api.get(id, signal)).status);
    }
    expect(states).toEqual(['validating_files', 'queued', 'running', 'running']);
    await demo.close();
    await open();
    time += 100;
    const done = await api.get(id, signal);
    expect(done).toMatchObject({ status: 'succeeded', trainedTokens: 3_000 });
    expect(done.model).toMatch(/^assistant-simulated-mysuffix-\w+$/);
    const events = await api.events(id, { isKnown: () => false, signal });
    expect(events.map(({ type }) => type)).toEqual(['message', 'metrics', 'metrics', 'metrics', 'metrics']);
    expect(events.every(({ message }) => message.startsWith('SIMULATED: '))).toBe(true);
    expect(await api.checkpoints(id, signal)).toEqual([]);
    const answer = await fetch(`${demo.baseUrl}/chat/completions`, {
      method: 'POST',
      body: JSON.stringify({ model: done.model, messages: [{ role: 'user', content: 'Hi' }] }),
    });
    expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining('SIMULATED')]);
  });

  it('is cancelled, unless it has ended', async () => {
    const { id } = await begin();
    time += 2_500;
    expect((await api.cancel(id, signal)).status).toBe('cancelled');
    time += 60_000;
    expect((await api.get(id, signal)).status).toBe('cancelled');
    const other = await begin();
    time += 60_000;
    await expect(api.cancel(other.id, signal)).rejects.toMatchObject({ status: 400 });
  });

  it('refuses another model, a file that is none, and a job that is none', async () => {
    const create = async (values: object) =>
      api.create({ model: 'assistant', trainingFile: 'file-x', idempotencyKey: 'k', ...values }, signal);
    await expect(create({ model: 'status=503' })).rejects.toMatchObject({ status: 400, param: 'model' });
    await expect(create({})).rejects.toMatchObject({ status: 400, param: 'training_file' });
    await expect(api.get('ftjob-1', signal)).rejects.toMatchObject({ status: 404 });
  });
});
