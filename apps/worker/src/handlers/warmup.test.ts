import { describe, expect, it } from '@jest/globals';
import { settingsSchema } from '@moltbot/config';
import { MoltbotError } from '@moltbot/contracts';
import { createLogger, createMetrics } from '@moltbot/observability';
import type { JobContext, JobDeps, ModelWarmer } from '../deps.js';
import { promptWarmup } from './prompt-warmup.js';
import { warmup } from './warmup.js';

const CHAINS: Readonly<Record<string, readonly string[]>> = {
  default: ['a:one', 'b:one'],
  'a:one': ['a:one'],
  'a:two': ['a:two'],
  'b:one': ['b:one'],
};

interface Scene {
  readonly deps: JobDeps;
  readonly context: JobContext;
  readonly abort: AbortController;
  readonly progress: object[];
  /** Models in the order in which they began, with how many were loading then. */
  readonly begun: { readonly model: string; readonly loading: readonly string[] }[];
}

function scene(warm: ModelWarmer['warm'], { loadTimeout = '5s', warmup: prompts = {} } = {}): Scene {
  const settings = settingsSchema.parse({ model_load_timeout: loadTimeout, warmup: prompts });
  const loading = new Set<string>();
  const begun: Scene['begun'] = [];
  const progress: object[] = [];
  const abort = new AbortController();
  let now = 0;
  return {
    begun,
    progress,
    abort,
    deps: {
      models: {
        resolve: (name) => {
          const models = CHAINS[name ?? 'default'];
          if (models === undefined) throw new MoltbotError('model_not_found');
          return models;
        },
        warm: async (model, options) => {
          loading.add(model);
          begun.push({ model, loading: [...loading] });
          try {
            await warm(model, options);
          } finally {
            loading.delete(model);
          }
        },
        warmPrompt: async (model, { prompt, signal, withinMs }) => {
          begun.push({ model: `${model} ${prompt.file}`, loading: [...loading] });
          await warm(`${model} ${prompt.file}`, { signal, withinMs });
          return { inputTokens: 2_000, cachedTokens: 1_900 };
        },
      },
      settings: () => settings,
      metrics: createMetrics({ role: 'worker', version: '1' }),
      elapsed: () => (now += 100),
    } satisfies Partial<JobDeps> as unknown as JobDeps,
    context: {
      jobId: 'j',
      owner: undefined,
      caller: undefined,
      followUp: async () => ({ id: '' }),
      signal: abort.signal,
      logger: createLogger({ role: 'worker', console: 'none' }),
      progress: async (value) => void progress.push(value),
    },
  };
}

const pause = async (): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, 5);
  });

describe('the warm-up', () => {
  it('loads the default chain where no model is named, and tells how far it is', async () => {
    const { deps, context, progress } = scene(pause);
    const result = await warmup({ models: [] }, deps, context);
    expect(result.models).toHaveLength(2);
    expect(result.models).toEqual(
      expect.arrayContaining([
        { model: 'a:one', state: 'warm', durationMs: expect.any(Number) },
        { model: 'b:one', state: 'warm', durationMs: expect.any(Number) },
      ]),
    );
    expect(progress).toEqual([
      { done: 1, of: 2 },
      { done: 2, of: 2 },
    ]);
    const text = await deps.metrics.render();
    expect(text).toContain('moltbot_model_load_state{model="a:one"} 2');
    expect(text).toContain('moltbot_model_load_seconds_count{model="b:one"} 1');
    deps.metrics.close();
  });

  it('loads each model once and the models of one provider one after the other, providers side by side', async () => {
    const { deps, context, begun } = scene(pause);
    await warmup({ models: ['a:one', 'default', 'a:two', 'a:one'] }, deps, context);
    expect(begun.map(({ model }) => model).toSorted()).toEqual(['a:one', 'a:two', 'b:one']);
    for (const { loading } of begun) {
      expect(loading.filter((model) => model.startsWith('a:')).length).toBeLessThanOrEqual(1);
    }
    expect(begun.some(({ loading }) => loading.length === 2)).toBe(true);
  });

  it('reports a model that fails with its code and goes on with the others', async () => {
    const { deps, context } = scene(async (model) => {
      if (model === 'a:one') throw new MoltbotError('credential_rejected');
      if (model === 'a:two') throw new TypeError('canary of a stranger');
    });
    const result = await warmup({ models: ['nobody', 'a:one', 'a:two', 'b:one'] }, deps, context);
    expect(result.models).toEqual(
      expect.arrayContaining([
        { model: 'nobody', state: 'failed', durationMs: 0, error: 'model_not_found' },
        expect.objectContaining({ model: 'a:one', state: 'failed', error: 'credential_rejected' }),
        expect.objectContaining({ model: 'a:two', state: 'failed', error: 'internal_error' }),
        expect.objectContaining({ model: 'b:one', state: 'warm' }),
      ]),
    );
    expect(JSON.stringify(result)).not.toContain('canary');
    expect(await deps.metrics.render()).toContain('moltbot_model_load_state{model="a:one"} 0');
    deps.metrics.close();
  });

  it('gives up on a model that loads longer than the settings allow', async () => {
    const { deps, context } = scene(
      async (model, { signal, withinMs }) => {
        expect(withinMs).toBe(100);
        if (model !== 'a:one') return;
        await new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            reject(new MoltbotError('client_closed'));
          });
        });
      },
      { loadTimeout: '100ms' },
    );
    const result = await warmup({ models: ['a:one', 'a:two'] }, deps, context);
    expect(result.models).toMatchObject([
      { model: 'a:one', state: 'failed', error: 'upstream_timeout' },
      { model: 'a:two', state: 'warm' },
    ]);
  });

  it('ends with the reason of the signal when the job ends, and begins no further model', async () => {
    const { deps, context, abort, begun } = scene(
      async (_model, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            reject(new MoltbotError('client_closed'));
          });
        }),
    );
    const result = warmup({ models: ['a:one', 'a:two'] }, deps, context);
    abort.abort(new MoltbotError('shutting_down'));
    await expect(result).rejects.toMatchObject({ code: 'shutting_down' });
    expect(begun.map(({ model }) => model)).toEqual(['a:one']);
    // That somebody ended the job says nothing about the model: no alert over it.
    expect(await deps.metrics.render()).not.toMatch(/^moltbot_model_load_state\{/m);
  });
});

const PROMPTS = {
  support: { file: 'support.md' },
  review: { file: 'review.json', models: ['a:two', 'nobody'] },
};

describe('the prompts of a warm-up', () => {
  it('are the operator’s expense: a key’s warm-up sends none, an administrator’s job sends them at once', async () => {
    const { deps, context, begun } = scene(pause, { warmup: { prompts: PROMPTS } });
    const asked: JobContext = { ...context, owner: 'key_1', caller: { name: 'anna', models: ['a:one'] } };
    expect((await warmup({ models: ['a:one'] }, deps, asked)).prompts).toEqual([]);
    expect(begun.map(({ model }) => model)).toEqual(['a:one']);
    expect((await promptWarmup({}, deps, context)).prompts).toEqual([]);
    // Whoever has no scope `admin` can't ask for this one.
    expect((await promptWarmup({}, deps, asked)).prompts).toHaveLength(4);
  });

  it('are sent when all models are warm, each to each of its models', async () => {
    const { deps, context, begun, progress } = scene(pause, { warmup: { prompts: PROMPTS } });
    const { prompts } = await warmup({ models: [] }, deps, context);
    const warm = { state: 'warm', durationMs: 100, inputTokens: 2_000, cachedTokens: 1_900 };
    expect(prompts).toEqual([
      { prompt: 'support', model: 'a:one', ...warm },
      { prompt: 'support', model: 'b:one', ...warm },
      { prompt: 'review', model: 'a:two', ...warm },
      { prompt: 'review', model: 'nobody', state: 'failed', durationMs: 0, error: 'model_not_found' },
    ]);
    expect(begun.slice(2).every(({ loading }) => loading.length === 0)).toBe(true);
    expect(progress.at(-1)).toEqual({ done: 6, of: 6 });
  });

  it('are only those of the models that were asked for', async () => {
    const { deps, context } = scene(pause, { warmup: { prompts: PROMPTS } });
    const { prompts } = await warmup({ models: ['b:one'] }, deps, context);
    expect(prompts).toMatchObject([{ prompt: 'support', model: 'b:one' }]);
  });

  it('fail alone, with their code, within the time for loading', async () => {
    const { deps, context } = scene(
      async (model, { signal }) => {
        if (model === 'a:one support.md') throw new MoltbotError('config_invalid');
        if (model !== 'b:one support.md') return;
        await new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            reject(signal.reason as Error);
          });
        });
      },
      { loadTimeout: '100ms', warmup: { prompts: PROMPTS } },
    );
    const { models, prompts } = await warmup({ models: ['default', 'a:two'] }, deps, context);
    expect(models.every(({ state }) => state === 'warm')).toBe(true);
    expect(prompts).toMatchObject([
      { prompt: 'support', model: 'a:one', state: 'failed', error: 'config_invalid' },
      { prompt: 'support', model: 'b:one', state: 'failed', error: 'upstream_timeout' },
      { prompt: 'review', model: 'a:two', state: 'warm' },
    ]);
  });

  it('are kept warm where the settings say so, and only there', async () => {
    const off = scene(pause, { warmup: { prompts: PROMPTS } });
    expect(await promptWarmup({}, off.deps, off.context)).toEqual({ prompts: [] });
    expect(off.begun).toEqual([]);
    const on = scene(pause, { warmup: { prompts: PROMPTS, keep_prompts: true } });
    expect((await promptWarmup({}, on.deps, on.context)).prompts).toHaveLength(4);
    on.abort.abort(new MoltbotError('shutting_down'));
    await expect(promptWarmup({}, on.deps, on.context)).rejects.toMatchObject({ code: 'shutting_down' });
  });
});
