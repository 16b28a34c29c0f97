import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { settingsSchema } from '@moltbot/config';
import { MoltbotError } from '@moltbot/contracts';
import { createNetwork } from '@moltbot/network';
import { createMemoryState } from '@moltbot/state';
import { type CallerRequest, createCallerRequest } from '../caller-request.js';
import { ByteRope } from '../byte-rope.js';
import { type DemoUpstream, startDemoUpstream } from '../demo/demo-upstream.js';
import { openAiChatDoor } from '../dialects/openai-chat/door.js';
import { createUpstreamClient } from '../http/upstream-client.js';
import { createModelRouter } from './create-model-router.js';
import { createFailoverEngine } from './failover-engine.js';
import type { ModelLoader, ModelLoadOutcome } from './model-loader.js';

const COLD = 'demo:assistant';
const OTHER = 'demo:tokens=3';
const BROKEN = 'demo:status=503';

let demo: DemoUpstream;
beforeEach(async () => {
  demo = await startDemoUpstream();
});
afterEach(async () => {
  await demo.close();
});

/** Asks a chain whose `demo:assistant` is not loaded. */
async function ask(options: {
  readonly models: readonly string[];
  readonly load: (withinMs: number, turn: number) => ModelLoadOutcome | Promise<ModelLoadOutcome>;
  readonly signal?: AbortSignal;
  readonly times?: number;
}) {
  const settings = settingsSchema.parse({
    timeouts: { first_content: '3s', total: '20s' },
    breaker: { failures: 1 },
    models: { retry_policy: { max_attempts: 1 } },
  });
  const vault = {
    credentialsFor: () => [],
    tokenFor: () => {
      throw new Error('no token');
    },
    refreshAfterRejection: async () => false,
  };
  const state = createMemoryState();
  const client = createUpstreamClient({ network: createNetwork({ maxConnections: 4 }) });
  const waits: number[] = [];
  let ready = false;
  const loader: ModelLoader = {
    isReady: (ref) => ref !== COLD || ready,
    load: async (_ref, { withinMs }) => {
      waits.push(withinMs);
      const loaded = await options.load(withinMs, waits.length);
      ready = loaded.outcome === 'ready';
      return loaded;
    },
  };
  const router = createModelRouter({ settings: () => settings, vault, demoBaseUrl: () => demo.baseUrl });
  const engine = createFailoverEngine({ clientFor: () => client, vault, state, settings: () => settings, loader });
  const signal = options.signal ?? new AbortController().signal;
  try {
    const plan = router.plan({ models: options.models });
    const served = await engine.answer({ call: call(), plan, signal });
    return { served, waits, error: undefined };
  } catch (error) {
    if (!(error instanceof MoltbotError)) throw error;
    return { served: undefined, waits, error };
  } finally {
    engine.close();
    await client.close();
    await state.close();
  }
}

function call(): CallerRequest {
  const bytes = new ByteRope([Buffer.from(JSON.stringify({ messages: [{ role: 'user', content: 'Hello' }] }))]);
  return createCallerRequest({ requestId: 'r', door: openAiChatDoor, bytes });
}

const failed: ModelLoadOutcome = { outcome: 'failed', error: new MoltbotError('model_file_invalid', 'it is cut') };

describe('a model that has to be loaded', () => {
  it('answers once it is there', async () => {
    const { served, waits } = await ask({ models: [COLD, OTHER], load: () => ({ outcome: 'ready' }) });
    expect(served).toMatchObject({ model: { ref: COLD }, fallback: undefined });
    expect(served?.attempts).toHaveLength(1);
    // With another one to ask, it is waited for as long as a first content may take.
    expect(waits).toEqual([3_000]);
  });

  it('leaves the answer to the next one where it is not there in time, without a mark against it', async () => {
    const { served } = await ask({ models: [COLD, OTHER], load: () => ({ outcome: 'later', inMs: 5_000 }) });
    expect(served?.model.ref).toBe(OTHER);
    expect(served?.fallback).toEqual({ from: COLD, to: OTHER, reason: 'loading' });
    expect(served?.attempts).toMatchObject([
      { target: COLD, outcome: 'model_loading' },
      { target: OTHER, outcome: 'ok' },
    ]);
  });

  it('is waited for to the deadline where all others failed', async () => {
    const { served, waits } = await ask({
      models: [COLD, BROKEN],
      load: (_within, turn) => (turn === 1 ? { outcome: 'later', inMs: 5_000 } : { outcome: 'ready' }),
    });
    expect(served?.model.ref).toBe(COLD);
    expect(waits[1]).toBeGreaterThan(15_000);
  });

  it('leaves the answer to the next one where it can not be loaded, which says why', async () => {
    const { served } = await ask({ models: [COLD, OTHER], load: () => failed });
    expect(served?.fallback).toEqual({ from: COLD, to: OTHER, reason: 'model_file_invalid' });
  });

  it('gives its own error where it was asked alone', async () => {
    const { error } = await ask({ models: [COLD], load: () => failed });
    expect(error).toMatchObject({ code: 'model_file_invalid', message: 'it is cut' });
    const late = await ask({ models: [COLD], load: () => ({ outcome: 'later', inMs: 5_000 }) });
    expect(late.error).toMatchObject({ code: 'model_loading', http: 503 });
    expect(late.error?.retryAfterMs).toBeGreaterThan(4_000);
  });

  it('is not waited for when the caller has left', async () => {
    const caller = new AbortController();
    const { error } = await ask({
      models: [COLD, OTHER],
      signal: caller.signal,
      load: async () => {
        caller.abort();
        throw caller.signal.reason;
      },
    });
    expect(error).toMatchObject({ code: 'client_closed' });
  });
});
