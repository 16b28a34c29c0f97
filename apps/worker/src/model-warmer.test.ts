import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createVault } from '@moltbot/auth';
import { type LoadedConfig, moltbotPaths, settingsSchema } from '@moltbot/config';
import { openLocalModels } from '@moltbot/local-models';
import { writeTestGguf } from '@moltbot/local-models/testing';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type OpenModels, openModels } from './open-models.js';

const ANSWERS: Readonly<Record<string, unknown>> = {
  '/chat/completions': {
    id: 'c1',
    object: 'chat.completion',
    created: 1,
    model: 'm',
    choices: [{ index: 0, message: { role: 'assistant', content: 'OK' }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 4, completion_tokens: 1, total_tokens: 5 },
  },
  '/responses': {
    id: 'r1',
    object: 'response',
    created_at: 1,
    status: 'completed',
    model: 'm',
    output: [{ type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'OK', annotations: [] }] }],
    usage: { input_tokens: 4, output_tokens: 1, total_tokens: 5 },
  },
  '/messages': {
    id: 'm1',
    type: 'message',
    role: 'assistant',
    model: 'm',
    content: [{ type: 'text', text: 'OK' }],
    stop_reason: 'end_turn',
    usage: { input_tokens: 4, output_tokens: 1 },
  },
};

const home = join(tmpdir(), 'moltbot-no-such-home');
let upstream: Server;
let baseUrl: string;
let seen: { readonly path: string; readonly body: Record<string, unknown> }[];
let hold: boolean;
let models: OpenModels;

beforeEach(async () => {
  seen = [];
  hold = false;
  upstream = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString()));
    request.on('end', () => {
      const path = request.url ?? '';
      seen.push({ path, body: JSON.parse(text) as Record<string, unknown> });
      if (hold) return;
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(ANSWERS[path]));
    });
  });
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  baseUrl = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  const provider = (kind: string, api?: string) => ({
    kind,
    base_url: baseUrl,
    requires_credential: false,
    ...(api === undefined ? {} : { api }),
    models: { m: {} },
  });
  const settings = settingsSchema.parse({
    models: { primary: 'local:m', fallbacks: ['claude:m'] },
    providers: {
      local: provider('openai-compatible'),
      claude: provider('anthropic'),
      answers: provider('openai', 'responses'),
    },
    timeouts: { connect: '2s', headers: '50ms', answer: '50ms', total: '50ms' },
  });
  const config: LoadedConfig = {
    settings,
    origins: new Map(),
    warnings: [],
    credentials: [],
  };
  models = await openModels({
    config: () => config,
    paths: moltbotPaths({ env: { MOLTBOT_HOME: home }, homeDirectory: home }),
    env: {},
    onLocalModel: () => {},
    proxy: { httpProxy: undefined, httpsProxy: undefined, noProxy: [] },
    vault: createVault({ credentials: () => config.credentials }),
    observer: {},
  });
});

afterEach(async () => {
  await models.close();
  upstream.closeAllConnections();
  upstream.close();
});

const options = (withinMs: number) => ({ signal: new AbortController().signal, withinMs });

describe('warming a model', () => {
  it('knows the models behind a chain and a name', () => {
    expect(models.warmer.resolve(undefined)).toEqual(['local:m', 'claude:m']);
    expect(models.warmer.resolve('claude:m')).toEqual(['claude:m']);
    expect(() => models.warmer.resolve('nobody:m')).toThrow(expect.objectContaining({ code: 'model_not_found' }));
  });

  it.each([
    ['local:m', '/chat/completions'],
    ['claude:m', '/messages'],
    ['answers:m', '/responses'],
  ])('asks %s once, for the shortest answer, in its own way', async (model, path) => {
    await models.warmer.warm(model, options(5_000));
    expect(seen.map((request) => request.path)).toEqual([path]);
    const body = seen[0]?.body ?? {};
    expect(Object.entries(body).filter(([, value]) => value === 16)).toHaveLength(1);
    expect(body['stream'] ?? false).toBe(false);
    expect(JSON.stringify(body)).toContain('Reply with OK.');
  });

  it('waits for loading as long as it may, not as long as for an ordinary answer', async () => {
    hold = true;
    const began = performance.now();
    await expect(models.warmer.warm('local:m', options(400))).rejects.toMatchObject({ retryable: true });
    expect(performance.now() - began).toBeGreaterThanOrEqual(350);
    expect(performance.now() - began).toBeLessThan(3_000);
  });

  it('stops asking when the job ends', async () => {
    hold = true;
    const abort = new AbortController();
    const warming = models.warmer.warm('local:m', { signal: abort.signal, withinMs: 60_000 });
    await once(upstream, 'request');
    abort.abort();
    await expect(warming).rejects.toMatchObject({ code: 'client_closed' });
  });
});

describe('warming a model that this machine runs itself', () => {
  it('loads it where chat will look for it: in the server of the same home', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'moltbot-warm-'));
    const paths = moltbotPaths({ env: { MOLTBOT_HOME: folder }, homeDirectory: folder });
    await writeTestGguf(join(folder, 'small.gguf'));
    const settings = settingsSchema.parse({
      models: { primary: 'local:small' },
      local_models: { threads: 1, models: { small: { file: 'small.gguf', context: 256 } } },
    });
    const config: LoadedConfig = { settings, origins: new Map(), warnings: [], credentials: [] };
    const objects = async () => Promise.reject(new Error('no store'));
    const server = await openLocalModels({ settings: () => settings, paths, role: 'host', objects });
    const events: string[] = [];
    const worker = await openModels({
      config: () => config,
      paths,
      env: {},
      onLocalModel: ({ type }) => events.push(type),
      proxy: { httpProxy: undefined, httpsProxy: undefined, noProxy: [] },
      vault: createVault({ credentials: () => [] }),
      observer: {},
    });
    try {
      await worker.warmer.warm('local:small', options(20_000));
      expect(server.stateOf('local:small')?.state).toBe('warm');
      await server.close();
      // Without a server it is the worker's own: its jobs need models too.
      await new Promise((resolve) => setTimeout(resolve, 1_100));
      expect(events).toEqual([]);
      await worker.warmer.warm('local:small', options(20_000));
      expect(events).toEqual(['loading', 'warm']);
    } finally {
      await worker.close();
      await server.close();
      await rm(folder, { recursive: true });
    }
  });
});
