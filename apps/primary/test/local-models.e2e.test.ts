import { execFileSync } from 'node:child_process';
import { createReadStream, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleepFor } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { settingsSchema } from '@moltbot/config';
import { TEST_MODEL_ANSWER, TEST_MODEL_LOOP, testGguf } from '@moltbot/local-models/testing';
import { openObjects } from '@moltbot/storage';
import { type PrimaryProcess, startPrimary, temporaryHome } from './primary-process.js';

// The built server, the real engine, a model file from the object store.

const home = temporaryHome();
let primary: PrimaryProcess;

interface ModelObject {
  readonly moltbot: { readonly state?: string; readonly load_ms?: number; readonly error?: string };
}

beforeAll(async () => {
  const file = join(home.path, 'small.gguf');
  writeFileSync(file, testGguf({ contextLength: 65_536 }));
  const objects = await openObjects({
    settings: settingsSchema.parse({}),
    paths: { dataDirectory: join(home.path, 'data') },
  });
  await objects.put({ key: 'models/small.gguf', body: createReadStream(file), maxBytes: 10_000_000 });
  await objects.close();
  writeFileSync(join(home.path, 'cut.gguf'), readFileSync(file));
  truncateSync(join(home.path, 'cut.gguf'), 4_000_000);
  writeFileSync(join(home.path, 'page.gguf'), '<html>Sign in to download this model</html>');
  writeFileSync(join(home.path, 'large.gguf'), Buffer.concat([readFileSync(file), Buffer.alloc(5_000_000)]));
  primary = await start();
}, 60_000);

/** Always with the same home. */
async function start(): Promise<PrimaryProcess> {
  const model = { file: 'small.gguf', context: 32_768 };
  return await startPrimary({
    home: home.path,
    args: ['--warmup'],
    config: {
      models: {
        primary: 'local:stored',
        fallbacks: ['demo:assistant'],
        chains: {
          stubborn: {
            primary: 'local:last',
            fallbacks: ['demo:status=503'],
            timeouts: { first_content: '10ms' },
            retry_policy: { max_attempts: 1 },
          },
          hurried: { primary: 'local:slow', fallbacks: ['demo:assistant'], timeouts: { first_content: '10ms' } },
        },
      },
      local_models: {
        threads: 1,
        max_file_size: '8mb',
        models: {
          stored: { file: 'object:models/small.gguf', context: 32_768 },
          slow: model,
          lone: model,
          last: model,
          cut: { file: 'cut.gguf' },
          page: { file: 'page.gguf' },
          large: { file: 'large.gguf' },
          absent: { file: 'object:models/absent.gguf' },
        },
      },
    },
  });
}

afterAll(async () => {
  await primary?.stop();
  home.remove();
});

function ask(fields: object, content = 'Hello!') {
  return fetch(`${primary.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ messages: [{ role: 'user', content }], ...fields }),
  });
}

async function stateOf(ref: string): Promise<ModelObject['moltbot']> {
  const response = await fetch(`${primary.url}/v1/models/${ref}`);
  return ((await response.json()) as ModelObject).moltbot;
}

async function untilState(ref: string, state: string): Promise<ModelObject['moltbot']> {
  for (let turn = 0; turn < 200; turn += 1) {
    const now = await stateOf(ref);
    if (now.state === state) return now;
    await sleepFor(100);
  }
  throw new Error(`${ref} is not ${state}: ${JSON.stringify(await stateOf(ref))}`);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Processes that the server has started for its models. */
function engines(): readonly number[] {
  const all = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8', maxBuffer: 10_000_000 });
  return all.split('\n').flatMap((line) => {
    const [pid, parent, ...command] = line.trim().split(/\s+/);
    const mine = Number(parent) === primary.child.pid && command.join(' ').includes('engine-process');
    return mine && Number(pid) > 1 ? [Number(pid)] : [];
  });
}

describe('a server with local models', () => {
  it('loads its first model from the object store at the start, where it was asked to warm up', async () => {
    const { load_ms } = await untilState('local:stored', 'warm');
    expect(load_ms).toBeGreaterThan(0);
    const metrics = await (await fetch(`${primary.opsUrl}/metrics`)).text();
    expect(metrics).toContain('moltbot_model_load_state{model="local:stored"} 2');
    expect(metrics).toContain('moltbot_model_load_seconds_count{model="local:stored"} 1');
    expect((await stateOf('local:slow')).state).toBe('cold');
  });

  it('answers and streams with it like with any other model', async () => {
    const whole = await ask({});
    expect(whole.headers.get('x-moltbot-model')).toBe('local:stored');
    expect(await whole.json()).toMatchObject({
      choices: [{ message: { content: TEST_MODEL_ANSWER }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 6, completion_tokens: 20 },
    });
    const stream = await ask({ stream: true, stream_options: { include_usage: true } });
    const text = await stream.text();
    expect(text).toContain(' model');
    expect(text).toContain('"completion_tokens":20');
    expect(text.trimEnd().endsWith('data: [DONE]')).toBe(true);
    const anthropic = await fetch(`${primary.url}/v1/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'anthropic-version': '2023-06-01' },
      body: JSON.stringify({ model: 'local:stored', max_tokens: 100, messages: [{ role: 'user', content: 'Hello!' }] }),
    });
    expect(await anthropic.json()).toMatchObject({ content: [{ type: 'text', text: TEST_MODEL_ANSWER }] });
  });

  it('lets a request for a cold model wait for it', async () => {
    const answer = await ask({ model: 'local:lone' });
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ choices: [{ message: { content: TEST_MODEL_ANSWER } }] });
  });

  it('answers with the next model where a load takes longer than a first content may, and with the model once it is there', async () => {
    const hurried = await ask({ model: 'hurried' });
    expect(hurried.headers.get('x-moltbot-model')).toBe('demo:assistant');
    expect(hurried.headers.get('x-moltbot-fallback')).toContain('loading');
    await hurried.text();
    await untilState('local:slow', 'warm');
    const later = await ask({ model: 'hurried', stream: false });
    expect(await later.text()).toContain('small model');
  });

  it('waits for a model after all where the others fail', async () => {
    const answer = await ask({ model: 'stubborn' });
    expect(answer.headers.get('x-moltbot-model')).toBe('local:last');
    expect(await answer.json()).toMatchObject({ choices: [{ message: { content: TEST_MODEL_ANSWER } }] });
  });

  it.each([
    ['cut', 'model_file_invalid', 'truncated'],
    ['page', 'model_file_invalid', 'no GGUF file'],
    ['large', 'model_file_too_large', '8388608 are allowed'],
    ['absent', 'model_file_missing', 'models/absent.gguf'],
  ])('says what is wrong with the file %s, and lets the next model answer', async (name, code, reason) => {
    const alone = await ask({ model: `local:${name}` });
    expect(alone.status).toBe(503);
    expect(await alone.json()).toMatchObject({ error: { code, message: expect.stringContaining(reason) } });
    const chain = await ask({ models: [`local:${name}`, 'demo:assistant'] });
    expect(chain.status).toBe(200);
    expect(chain.headers.get('x-moltbot-model')).toBe('demo:assistant');
    expect(chain.headers.get('x-moltbot-fallback')).toContain(code);
    await chain.text();
    expect(await stateOf(`local:${name}`)).toMatchObject({ state: 'failed', error: code });
  });

  it('goes on with the next model when an engine is killed in the middle of an answer', async () => {
    const before = engines();
    expect(before.length).toBeGreaterThan(0);
    const response = await ask({ stream: true }, 'And what then?');
    let text = '';
    for await (const chunk of response.body ?? []) {
      text += Buffer.from(chunk as Uint8Array).toString('utf8');
      if (text.includes('about') && engines().length === before.length) {
        for (const pid of before) process.kill(pid, 'SIGKILL');
      }
    }
    expect(text).toContain(TEST_MODEL_LOOP.split(' ')[1]);
    expect(text).toContain('SIMULATED');
    expect(text.trimEnd().endsWith('data: [DONE]')).toBe(true);
    // And the engine is started again, without being asked.
    await untilState('local:stored', 'warm');
    const answer = await ask({});
    expect(answer.headers.get('x-moltbot-model')).toBe('local:stored');
    await answer.text();
  });

  it('takes its engines along when it stops, and when it is killed', async () => {
    const running = engines();
    expect(running.length).toBeGreaterThan(0);
    expect(await primary.stop()).toBe(0);
    for (const pid of running) expect(() => process.kill(pid, 0)).toThrow();
    primary = await start();
    await untilState('local:stored', 'warm');
    // The file of before: nothing is fetched twice.
    expect(readdirSync(join(home.path, 'cache', 'models')).filter((name) => name.endsWith('.gguf'))).toHaveLength(1);
    const orphans = engines();
    expect(orphans).toHaveLength(1);
    await primary.kill();
    for (let turn = 0; turn < 100 && orphans.some(isAlive); turn += 1) await sleepFor(50);
    expect(orphans.filter(isAlive)).toEqual([]);
  });
});
