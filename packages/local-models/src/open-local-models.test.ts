import { cp, mkdir, mkdtemp, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Settings, settingsSchema } from '@moltbot/config';
import type { ModelObjects } from './files/file-cache.js';
import type { LocalModelEvent } from './model-state.js';
import { type LocalModels, openLocalModels } from './open-local-models.js';
import { TEST_MODEL_ANSWER, TEST_MODEL_LOOP, testGguf, writeTestGguf } from './testing/write-test-gguf.js';

// The real engine, in the process that was built.

const MB = 1_048_576;
let folder: string;
let local: LocalModels;
let settings: Settings;
let events: LocalModelEvent[];
const here = new AbortController().signal;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'moltbot-local-'));
  await writeTestGguf(join(folder, 'small.gguf'), { contextLength: 65_536 });
});
afterEach(async () => {
  await local.close();
  await rm(folder, { recursive: true });
});

async function open(
  models: Record<string, object>,
  more: object = {},
  options: { readonly objects?: ModelObjects; readonly loadTimeout?: string; readonly program?: string } = {},
): Promise<void> {
  settings = settingsSchema.parse({
    model_load_timeout: options.loadTimeout ?? '20s',
    local_models: { models, threads: 1, ...more },
  });
  events = [];
  local = await openLocalModels({
    settings: () => settings,
    paths: {
      configFile: join(folder, 'config.yml'),
      cacheDirectory: join(folder, 'cache'),
      runDirectory: join(folder, 'run'),
    },
    role: 'host',
    objects: async () => options.objects ?? Promise.reject(new Error('no store')),
    onEvent: (event) => events.push(event),
    program: options.program,
  });
}

async function post(body: object, signal?: AbortSignal): Promise<Response> {
  const provider = local.settings(settings).providers['local'];
  return fetch(`${provider?.base_url}/chat/completions`, {
    method: 'POST',
    headers: { ...provider?.headers, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'small', messages: [{ role: 'user', content: 'Hello!' }], ...body }),
    ...(signal === undefined ? {} : { signal }),
  });
}

interface Chunk {
  readonly choices: readonly { readonly delta: { readonly content?: string }; readonly finish_reason: string | null }[];
  readonly usage?: object;
}

async function streamed(
  body: object,
): Promise<{ text: string; finish: string | undefined; usage: object | undefined }> {
  const response = await post({ ...body, stream: true, stream_options: { include_usage: true } });
  const raw = await response.text();
  expect(raw.endsWith('data: [DONE]\n\n')).toBe(true);
  const chunks = raw
    .split('\n\n')
    .filter((event) => event.startsWith('data: {'))
    .map((event) => JSON.parse(event.slice(6)) as Chunk);
  return {
    text: chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join(''),
    finish: chunks.findLast(({ choices }) => choices.length > 0)?.choices[0]?.finish_reason ?? undefined,
    usage: chunks.at(-1)?.usage,
  };
}

async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 200 && !condition(); turn += 1) await delay(50);
  expect(condition()).toBe(true);
}

/** Never 0, which would be all of us. */
function pidOf(ref: string): number {
  const pid = local.pidOf(ref);
  if (pid === undefined || pid <= 1) throw new Error(`${ref} has no process`);
  return pid;
}

const question = [{ role: 'user', content: 'And what then?' }];

describe('a local model', () => {
  it('loads when it is asked, answers whole and streamed, and counts its tokens', async () => {
    await open({ small: { file: 'small.gguf', context: 1_024 } });
    expect(local.stateOf('local:small')).toEqual({ state: 'cold' });
    const whole = await post({});
    expect(whole.status).toBe(200);
    expect(await whole.json()).toMatchObject({
      object: 'chat.completion',
      model: 'small',
      choices: [{ message: { role: 'assistant', content: TEST_MODEL_ANSWER }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 6, completion_tokens: 20, total_tokens: 26 },
    });
    const state = local.stateOf('local:small');
    expect(state).toMatchObject({ state: 'warm', loadMs: expect.any(Number), rss: expect.any(Number) });
    const stream = await streamed({ messages: question, max_tokens: 12 });
    expect(stream).toMatchObject({ finish: 'length', usage: { prompt_tokens: 14, completion_tokens: 12 } });
    expect(stream.text.startsWith(TEST_MODEL_LOOP)).toBe(true);
    expect(events.map(({ type }) => type)).toEqual(['loading', 'warm']);
  });

  it('follows stop sequences, JSON formats and the end of its context', async () => {
    await open({ small: { file: 'small.gguf', context: 128 } });
    const stopped = await streamed({ stop: [' own'] });
    expect(stopped).toMatchObject({ text: 'This small model runs on your', finish: 'stop' });
    const full = await streamed({ messages: question });
    expect(full.finish).toBe('length');
    const json = await post({ response_format: { type: 'json_object' }, max_tokens: 4 });
    expect(((await json.json()) as { choices: [{ message: { content: string } }] }).choices[0].message.content).toMatch(
      /^[[{"\d\s]/,
    );
    const long = await post({ messages: [{ role: 'user', content: 'x'.repeat(300) }] });
    expect(long.status).toBe(400);
    expect(await long.json()).toMatchObject({ error: { code: 'context_length_exceeded' } });
  });

  it('answers two at the same time, and lets a third wait its turn', async () => {
    await open({ small: { file: 'small.gguf', context: 2_048, parallel: 2 } });
    const answers = await Promise.all(
      [40, 60, 80].map(async (max_tokens) => streamed({ messages: question, max_tokens })),
    );
    expect(answers.map(({ usage }) => usage)).toMatchObject([
      { completion_tokens: 40 },
      { completion_tokens: 60 },
      { completion_tokens: 80 },
    ]);
    expect(events.filter(({ type }) => type === 'loading')).toHaveLength(1);
  });

  it('stops within a second when its caller leaves', async () => {
    await open({ small: { file: 'small.gguf', context: 32_768, parallel: 1 } });
    const caller = new AbortController();
    const response = await post({ messages: question, stream: true }, caller.signal);
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    while (
      !Buffer.from((await reader.read()).value ?? '')
        .toString()
        .includes('about')
    );
    const left = performance.now();
    caller.abort();
    await reader.closed.catch(() => {});
    // The one turn there is has to be free again.
    expect((await streamed({})).text).toBe(TEST_MODEL_ANSWER);
    expect(performance.now() - left).toBeLessThan(1_000);
  });

  it('is unloaded when nobody has asked for it, and loads again for the next', async () => {
    await open({ small: { file: 'small.gguf', context: 256 } }, { idle_unload: '200ms' });
    await post({});
    const pid = pidOf('local:small');
    await until(() => local.stateOf('local:small')?.state === 'cold');
    expect(events.at(-1)).toEqual({ type: 'unloaded', model: 'local:small', reason: 'idle' });
    await until(() => !isAlive(pid));
    expect((await post({})).status).toBe(200);
  });

  it('makes room for another within the limit of memory, the largest idle first', async () => {
    const model = { file: 'small.gguf', context: 256 };
    await open(
      { small: model, large: { ...model, context: 65_536, parallel: 8 }, third: model },
      { max_memory: '500mb' },
    );
    for (const name of ['small', 'large']) expect((await post({ model: name })).status).toBe(200);
    const [small, large] = ['local:small', 'local:large'].map((ref) => {
      const state = local.stateOf(ref);
      return state?.state === 'warm' ? state.rss : 0;
    });
    expect(large ?? 0).toBeGreaterThan((small ?? 0) + 100 * MB);
    expect((await post({ model: 'third' })).status).toBe(200);
    expect(events.filter(({ type }) => type === 'unloaded')).toEqual([
      { type: 'unloaded', model: 'local:large', reason: 'memory' },
    ]);
    expect(local.stateOf('local:small')?.state).toBe('warm');
  });

  it('breaks off when its engine is killed, and is there again by itself', async () => {
    await open({ small: { file: 'small.gguf', context: 32_768 } });
    const response = await post({ messages: question, stream: true });
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    // A slow load may be silent at first.
    while (
      !Buffer.from((await reader.read()).value ?? '')
        .toString()
        .includes('about')
    );
    process.kill(pidOf('local:small'), 'SIGKILL');
    await expect(
      (async () => {
        while (!(await reader.read()).done);
      })(),
    ).rejects.toThrow();
    await until(() => events.some(({ type }) => type === 'crashed'));
    expect(local.stateOf('local:small')).toMatchObject({ state: 'failed', error: { code: 'model_load_failed' } });
    expect((await post({})).status).toBe(503);
    await until(() => local.stateOf('local:small')?.state === 'warm');
    expect((await post({})).status).toBe(200);
  });

  it('is another model as soon as its settings say so', async () => {
    await open({ small: { file: 'small.gguf', context: 256 } });
    await post({});
    const pid = pidOf('local:small');
    settings = settingsSchema.parse({
      local_models: { models: { small: { file: 'small.gguf', context: 64 } }, threads: 1 },
    });
    const long = [{ role: 'user', content: 'x'.repeat(100) }];
    expect((await post({ messages: long })).status).toBe(400);
    await until(() => !isAlive(pid));
    settings = settingsSchema.parse({});
    expect(local.settings(settings)).toBe(settings);
    expect(local.stateOf('local:small')).toBeUndefined();
  });
});

describe('local models of two processes', () => {
  it('are loaded by one of them for both, as long as it is there', async () => {
    await open({ small: { file: 'small.gguf', context: 256 } });
    let now = 0;
    const guest = await openLocalModels({
      settings: () => settings,
      paths: { configFile: join(folder, 'config.yml'), cacheDirectory: folder, runDirectory: join(folder, 'run') },
      role: 'guest',
      objects: async () => Promise.reject(new Error('no store')),
      elapsed: () => now,
    });
    try {
      const addressOf = (models: LocalModels) => models.settings(settings).providers['local']?.base_url;
      expect(addressOf(guest)).toBe(addressOf(local));
      // Whoever serves it loads it: it is asked like a model that is there.
      expect([guest.isReady('local:small'), local.isReady('local:small')]).toEqual([true, false]);
      expect((await stat(join(folder, 'run', 'local-models.json'))).mode & 0o077).toBe(0);
      await local.close();
      now += 2_000;
      expect(addressOf(guest)).not.toBe(addressOf(local));
      expect(guest.isReady('local:small')).toBe(false);
    } finally {
      await guest.close();
    }
  });

  it('are for nobody who does not know the token', async () => {
    await open({ small: { file: 'small.gguf' } });
    const provider = local.settings(settings).providers['local'];
    for (const authorization of ['', 'Bearer guess']) {
      expect((await fetch(`${provider?.base_url}/models`, { headers: { authorization } })).status).toBe(401);
    }
    const listed = await fetch(`${provider?.base_url}/models`, { headers: { ...provider?.headers } });
    expect(await listed.json()).toMatchObject({ data: [{ id: 'small' }] });
  });
});

describe('a local model that can not be loaded', () => {
  it.each([
    ['that is not there', async () => {}, 'model_file_missing'],
    ['that is a folder', async (file: string) => mkdir(file), 'model_file_invalid'],
    [
      'of another kind',
      async (file: string) => writeFile(file, 'PK and a lot more than a header takes'),
      'model_file_invalid',
    ],
    ['that is cut', cut, 'model_file_invalid'],
    ['over the limit', async (file: string) => truncate(await whole(file), 6 * MB), 'model_file_too_large'],
    ['with another checksum', whole, 'model_file_invalid'],
    [
      'of an unknown architecture',
      async (file: string) => writeTestGguf(file, { architecture: 'nobody' }),
      'model_load_failed',
    ],
  ])('tells of a file %s', async (name, write, code) => {
    const file = join(folder, 'odd.gguf');
    await write(file);
    const sha256 = name.includes('checksum') ? { sha256: 'ab'.repeat(32) } : {};
    await open({ small: { file: 'odd.gguf', ...sha256 } }, { max_file_size: '5mb' });
    const outcome = await local.load('local:small', { withinMs: 10_000, signal: here });
    expect(outcome).toMatchObject({ outcome: 'failed', error: { code } });
    expect(local.stateOf('local:small')).toMatchObject({ state: 'failed', error: { code } });
    const answer = await post({});
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ error: { code } });
  });

  it('tells of one that needs more memory than there may be', async () => {
    await open({ small: { file: 'small.gguf' } }, { max_memory: '50mb' });
    const outcome = await local.load('local:small', { withinMs: 10_000, signal: here });
    expect(outcome).toMatchObject({ outcome: 'failed', error: { code: 'model_file_too_large' } });
  });

  it('gives up after the time a load may take, and leaves no process behind', async () => {
    const program = join(folder, 'hangs.mjs');
    await writeFile(
      program,
      `import { writeFileSync } from 'node:fs'; writeFileSync(${JSON.stringify(join(folder, 'pid'))}, String(process.pid)); process.on('message', () => {});`,
    );
    await open({ small: { file: 'small.gguf' } }, {}, { loadTimeout: '600ms', program });
    const soon = await local.load('local:small', { withinMs: 50, signal: here });
    expect(soon).toMatchObject({ outcome: 'later' });
    const outcome = await local.load('local:small', { withinMs: 10_000, signal: here });
    expect(outcome).toMatchObject({ outcome: 'failed', error: { code: 'model_load_timeout' } });
  });

  it('says what to install where the engine is missing', async () => {
    // The same program where no package is near.
    await cp(join(import.meta.dirname, '../dist/engine-process'), join(folder, 'alone'), { recursive: true });
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
    await open({ small: { file: 'small.gguf' } }, {}, { program: join(folder, 'alone/main.js') });
    const outcome = await local.load('local:small', { withinMs: 10_000, signal: here });
    expect(outcome).toMatchObject({
      outcome: 'failed',
      error: { code: 'local_engine_missing', message: expect.stringContaining('node-llama-cpp 3.22') },
    });
  });
});

async function whole(file: string): Promise<string> {
  await writeFile(file, testGguf());
  return file;
}

async function cut(file: string): Promise<void> {
  await truncate(await whole(file), 4 * MB);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
