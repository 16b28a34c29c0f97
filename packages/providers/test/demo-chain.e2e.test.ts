import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createNetwork } from '@moltbot/network';
import type { CredentialVault } from '@moltbot/auth';
import { settingsSchema } from '@moltbot/config';
import { MoltbotError } from '@moltbot/contracts';
import { createMemoryState, type SharedState } from '@moltbot/state';
import { demoTokens } from '../src/demo/demo-text.js';
import {
  anthropicMessagesDoor,
  createCallerRequest,
  createFailoverEngine,
  createModelRouter,
  createUpstreamClient,
  type DemoUpstream,
  openAiChatDoor,
  type RunningFailoverEngine,
  startDemoUpstream,
} from '../src/index.js';

const QUESTION = 'What is this?';
const WHOLE = demoTokens(QUESTION).join('');

const settings = settingsSchema.parse({
  models: { retry_policy: { initial_backoff: '10ms', max_backoff: '20ms', max_total_wait: '500ms' } },
  timeouts: { connect: '1s', headers: '250ms', answer: '500ms', first_content: '400ms', gap: '250ms', total: '10s' },
  breaker: { failures: 1_000 },
});

const noVault: CredentialVault = {
  credentialsFor: () => [],
  tokenFor: () => {
    throw new MoltbotError('credential_missing');
  },
  refreshAfterRejection: async () => false,
};

const client = createUpstreamClient({ network: createNetwork({ maxConnections: 64 }) });
let demo: DemoUpstream;
let state: SharedState;
let engine: RunningFailoverEngine;
const router = createModelRouter({ settings: () => settings, vault: noVault, demoBaseUrl: () => demo.baseUrl });

beforeAll(async () => {
  demo = await startDemoUpstream();
});

afterAll(async () => {
  await client.close();
  await demo.close();
});

beforeEach(() => {
  state = createMemoryState();
  engine = createFailoverEngine({ clientFor: () => client, vault: noVault, state, settings: () => settings });
});

afterEach(async () => {
  engine.close();
  await state.close();
});

let requests = 0;

function engineCall(
  models: readonly string[],
  options: { readonly door?: typeof openAiChatDoor; readonly stream: boolean },
) {
  requests += 1;
  const refs = models.map((model) => `demo:${model},rate=0`.replace('assistant,rate', 'x,rate'));
  const body = {
    model: refs[0],
    max_tokens: 1_000,
    stream: options.stream,
    messages: [{ role: 'user', content: QUESTION }],
  };
  return {
    call: createCallerRequest({
      requestId: `request-${requests}`,
      door: options.door ?? openAiChatDoor,
      bytes: Buffer.from(JSON.stringify(body)),
    }),
    plan: router.plan({ models: refs }),
    signal: new AbortController().signal,
  };
}

async function streamed(models: readonly string[], door = openAiChatDoor) {
  const stream = await engine.stream(engineCall(models, { door, stream: true }));
  let text = '';
  const finishes: string[] = [];
  let error: unknown;
  try {
    for await (const frame of stream.frames) {
      for (const part of frame.parts) {
        if (part.type === 'text-delta') text += part.text;
        if (part.type === 'finish') finishes.push(part.reason);
      }
    }
  } catch (thrown) {
    error = thrown;
  }
  return { text, finishes, error, result: stream.result(), served: stream };
}

/** Every fault that the demo can be told, in a chain with a healthy demo behind it. */
describe('a chain of demo models', () => {
  it.each([
    'status=500',
    'status=503',
    'status=404',
    'retry-after=60',
    'status=529,retry-after-ms=5',
    'reset',
    'reset-mid-headers',
    'silence',
    'slow=5s',
    'error-event=0',
    'html',
    'empty',
    'error-200',
    'half-json',
    'cut=0',
    'no-prefill,cut=0',
  ])('falls over before the first content of %s', async (model) => {
    const { error, finishes, result, served, text } = await streamed([model, 'assistant']);
    expect([text, finishes, error]).toEqual([WHOLE, ['stop'], undefined]);
    expect([served.model.name, result.outcome]).toEqual(['x,rate=0', 'complete']);
    expect(served.fallback?.to).toBe('demo:x,rate=0');
  });

  it.each(['cut=40', 'stall=40', 'malformed=10', 'error-event=5', 'no-end', 'cut=1', 'cut=179'])(
    'gives the whole answer after %s',
    async (model) => {
      for (const door of [openAiChatDoor, anthropicMessagesDoor]) {
        const { error, finishes, result, text } = await streamed([model, 'assistant'], door);
        expect([text, finishes, error]).toEqual([WHOLE, ['stop'], undefined]);
        expect(result.outcome).toBe('rescued');
      }
    },
  );

  it('is finished by a model that takes no prefill', async () => {
    const { error, finishes, text } = await streamed(['cut=40', 'no-prefill']);
    expect([text, finishes, error]).toEqual([WHOLE, ['stop'], undefined]);
  });

  it('ends honestly where nobody goes on', async () => {
    const { error, finishes, result, text } = await streamed(['cut=40', 'status=503']);
    expect(error).toMatchObject({ code: 'stream_interrupted' });
    expect([finishes, result.outcome]).toEqual([[], 'interrupted']);
    expect(text.startsWith(demoTokens(QUESTION).slice(0, 40).join(''))).toBe(true);
    expect(WHOLE.startsWith(text) && text.length < WHOLE.length).toBe(true);
  });

  it('is complete without the end marker', async () => {
    const { error, finishes, result, text } = await streamed(['no-done']);
    expect([text, finishes, error, result.outcome]).toEqual([WHOLE, ['stop'], undefined, 'complete']);
    expect(result.usage?.outputTokens).toBe(demoTokens(QUESTION).length);
  });

  it.each([
    ['filter', 'content_filtered'],
    ['status=400', 'invalid_request'],
  ])('passes the caller’s own fault on: %s', async (model, code) => {
    await expect(engine.stream(engineCall([model, 'assistant'], { stream: true }))).rejects.toMatchObject({ code });
  });

  it.each([
    'status=503',
    'cut=40',
    'stall=40',
    'malformed=1',
    'error-event=3',
    'html',
    'empty',
    'error-200',
    'half-json',
  ])('answers whole in the place of %s', async (model) => {
    const served = await engine.answer(engineCall([model, 'assistant'], { stream: false }));
    const [part] = served.answer.answer().content;
    expect(part).toEqual({ type: 'text', text: WHOLE });
    expect(served.fallback?.to).toBe('demo:x,rate=0');
  });
});
