import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createVault } from '@moltbot/auth';
import { type LoadedConfig, moltbotPaths, settingsSchema } from '@moltbot/config';
import { openLocalModels } from '@moltbot/local-models';
import { writeTestGguf } from '@moltbot/local-models/testing';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
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
    usage: { prompt_tokens: 4, completion_tokens: 1, total_tokens: 5, prompt_tokens_details: { cached_tokens: 3 } },
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
    usage: { input_tokens: 4, output_tokens: 1, cache_read_input_tokens: 2_000, cache_creation_input_tokens: 6 },
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
    knownModels: () => [],
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

describe('warming a prompt', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'moltbot-prompts-'));
  });
  afterEach(async () => rm(folder, { recursive: true }));

  /** Writes the file of a prompt and sends it. */
  const warmPrompt = async (model: string, name: string, content: string | Uint8Array, dialect?: string) => {
    const file = join(folder, name);
    await writeFile(file, content);
    const { warmup } = settingsSchema.parse({ warmup: { prompts: { p: { file, ...(dialect && { dialect }) } } } });
    const prompt = warmup.prompts['p'];
    if (prompt === undefined) throw new Error('no prompt');
    return models.warmer.warmPrompt(model, { prompt, ...options(5_000) });
  };

  it('sends a text as the system prompt that callers send, and marks it where caches want a mark', async () => {
    const text = 'You answer for the shop. '.repeat(400);
    const seenTokens = [
      await warmPrompt('claude:m', 'shop.md', text),
      await warmPrompt('local:m', 'shop.md', text),
      await warmPrompt('answers:m', 'shop.md', text),
    ];
    expect(seen[0]?.body).toEqual({
      model: 'm',
      max_tokens: 16,
      system: [{ type: 'text', text, cache_control: { type: 'ephemeral' } }],
      messages: [{ role: 'user', content: 'Reply with OK.' }],
    });
    expect(seen[1]?.body['messages']).toContainEqual({ role: 'system', content: text });
    expect(JSON.stringify(seen[2]?.body)).toContain(JSON.stringify(text));
    expect(seenTokens).toEqual([
      { inputTokens: 2_010, cachedTokens: 2_000, writtenTokens: 6 },
      { inputTokens: 4, cachedTokens: 3 },
      { inputTokens: 4 },
    ]);
  });

  it('sends a request as it is written, for the model it is about', async () => {
    const request = {
      model: 'whatever',
      stream: true,
      prompt_cache_key: 'shop',
      max_completion_tokens: 20,
      messages: [{ role: 'developer', content: 'Be brief.' }],
      tools: [{ type: 'function', function: { name: 'price', parameters: { type: 'object' } } }],
    };
    await warmPrompt('local:m', 'shop.json', JSON.stringify(request));
    const { model: _model, stream: _stream, ...shared } = request;
    expect(seen[0]?.body).toEqual({ ...shared, model: 'm' });
    const anthropic = { max_tokens: 5, system: 'Be brief.', messages: [{ role: 'user', content: 'Hi' }], odd_field: 1 };
    await warmPrompt('claude:m', 'shop.json', JSON.stringify(anthropic), 'anthropic-messages');
    expect(seen[1]?.body).toEqual({ ...anthropic, model: 'm' });
  });

  it.each([
    ['an empty text', 'a.md', '  \n'],
    ['bytes that are no text', 'a.md', Uint8Array.of(0xff, 0xfe, 0x00)],
    ['broken JSON', 'a.json', '{"messages": ['],
    ['JSON that is no request', 'a.json', '{"max_tokens": 3}'],
    ['a request that limits nothing', 'a.json', '{"messages": [{"role": "user", "content": "Hi"}]}'],
    ['a file that is too long', 'a.md', 'x'.repeat(8 * 1_048_576 + 1)],
  ])('refuses %s before anything is sent', async (_, name, content) => {
    await expect(warmPrompt('local:m', name, content)).rejects.toMatchObject({ code: 'config_invalid' });
    expect(seen).toEqual([]);
  });

  it('names a file that is not there, and does not open a folder', async () => {
    const prompt = { file: 'nowhere.md', dialect: 'openai-chat' as const };
    const sending = models.warmer.warmPrompt('local:m', { prompt, ...options(5_000) });
    await expect(sending).rejects.toThrow(/nowhere\.md: ENOENT/);
    const folderAsFile = models.warmer.warmPrompt('local:m', {
      prompt: { ...prompt, file: folder },
      ...options(5_000),
    });
    await expect(folderAsFile).rejects.toThrow(/is no file/);
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
      knownModels: () => [],
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
