import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createNetwork } from '@moltbot/network';
import { type Settings, settingsSchema } from '@moltbot/config';
import { type AttemptRecord, MoltbotError, type StreamPart } from '@moltbot/contracts';
import { createMemoryState } from '@moltbot/state';
import {
  anthropicMessagesDoor,
  createCallerRequest,
  createFailoverEngine,
  createModelRouter,
  createUpstreamClient,
  type DemoUpstream,
  type DialectDoor,
  type JsonObject,
  openAiChatDoor,
  startDemoUpstream,
} from '../src/index.js';

/** From the names in a configuration to what a caller reads, with the demo model that fails as its name says. */

/** As fast as it can. */
const ASSISTANT = 'demo:assistant,rate=0ms';

let demo: DemoUpstream;
let settings: Settings;
const attempts: AttemptRecord[] = [];
const state = createMemoryState();
const client = createUpstreamClient({ network: createNetwork({ maxConnections: 64 }) });
const vault = {
  credentialsFor: () => [],
  tokenFor: (id: string) => {
    throw new MoltbotError('credential_missing', id);
  },
  refreshAfterRejection: async () => false,
};
const router = createModelRouter({ settings: () => settings, vault, demoBaseUrl: () => demo.baseUrl });
const engine = createFailoverEngine({
  clientFor: () => client,
  vault,
  state,
  settings: () => settings,
  observer: { attempt: (record) => attempts.push(record) },
});

beforeAll(async () => {
  demo = await startDemoUpstream();
});
afterAll(async () => {
  engine.close();
  await client.close();
  await demo.close();
  await state.close();
});

function configure(primary: string, ...fallbacks: string[]): void {
  settings = settingsSchema.parse({
    models: { primary, fallbacks, retry_policy: { initial_backoff: '10ms' } },
    timeouts: { gap: '200ms', first_content: '500ms', headers: '300ms' },
  });
  attempts.length = 0;
}

/** What a door would write to its caller, and how the stream ended. */
async function write(door: DialectDoor, body: JsonObject = {}) {
  const bytes = Buffer.from(
    JSON.stringify({
      stream: true,
      max_tokens: 4_000,
      messages: [{ role: 'user', content: 'Tell me about the sea' }],
      ...(door === openAiChatDoor ? { stream_options: { include_usage: true } } : {}),
      ...body,
    }),
  );
  const call = createCallerRequest({ requestId: 'demo', door, bytes });
  const stream = await engine.stream({ call, plan: router.plan({}), signal: new AbortController().signal });
  const writer = door.createStreamWriter({
    id: 'answer-1',
    created: 1,
    model: stream.model.ref,
    includeUsage: call.wantsStreamUsage,
    estimatedInputTokens: call.estimatedInputTokens,
  });
  let wire = '';
  const said: StreamPart[] = [];
  let writing = !stream.sameDialect;
  let error: unknown;
  try {
    for await (const frame of stream.frames) {
      if (frame.bytes === undefined) {
        if (!writing) writer.resume(said, {});
        writing = true;
        wire += writer.write(frame.parts);
      } else wire += frame.bytes.toString('utf8');
      said.push(...frame.parts);
    }
    if (writing) wire += writer.end();
  } catch (thrown) {
    error = thrown;
  }
  const text = said.map((part) => (part.type === 'text-delta' ? part.text : '')).join('');
  return { stream, wire, text, error, result: stream.result() };
}

/** The text as an SDK would put it together. */
function textOf(wire: string): string {
  return wire
    .split('\n\n')
    .flatMap((event) => event.split('\n').filter((line) => line.startsWith('data: {')))
    .map((line) => {
      const event = JSON.parse(line.slice(6)) as {
        readonly choices?: readonly { readonly delta: { readonly content?: string | null } }[];
        readonly delta?: { readonly text?: string };
      };
      return event.choices?.[0]?.delta.content ?? event.delta?.text ?? '';
    })
    .join('');
}

describe('the demo chain', () => {
  it.each([
    ['openai-chat', openAiChatDoor, '[DONE]'],
    ['anthropic-messages', anthropicMessagesDoor, 'event: message_stop'],
  ] as const)('answers a caller of %s whole, although the primary breaks off', async (_name, door, end) => {
    configure(ASSISTANT);
    const whole = await write(door);
    expect(whole).toMatchObject({ error: undefined, result: { outcome: 'complete' } });
    expect(textOf(whole.wire)).toBe(whole.text);
    expect(whole.text).toContain('SIMULATED');
    for (const fault of ['cut=7', 'stall=7', 'malformed=7', 'error-event=7', 'no-end']) {
      const primary = `demo:${fault},rate=0ms`;
      configure(primary, ASSISTANT);
      const rescued = await write(door);
      expect([primary, rescued.error]).toEqual([primary, undefined]);
      expect(textOf(rescued.wire)).toBe(rescued.text);
      expect(rescued.wire.split(end)).toHaveLength(2);
      expect(rescued.result.spans.map(({ target }) => target)).toEqual([primary, ASSISTANT]);
      expect(attempts).toHaveLength(2);
    }
  });

  it.each([
    'status=500',
    'status=503',
    'status=401',
    'status=402',
    'status=404',
    'retry-after=60',
    'reset',
    'silence',
    'slow=3s',
    'html',
    'empty',
    'error-200',
  ])('falls over from demo:%s before anything is said', async (name) => {
    configure(`demo:${name}`, ASSISTANT);
    const { stream, error, text } = await write(openAiChatDoor);
    expect(error).toBeUndefined();
    expect(stream.fallback).toMatchObject({ from: `demo:${name}`, to: ASSISTANT });
    expect(text).toContain('SIMULATED');
  });

  it('says its end itself where the demo leaves it out', async () => {
    configure('demo:no-done,rate=0ms');
    const { wire, error, result } = await write(openAiChatDoor);
    expect(error).toBeUndefined();
    expect(wire.trimEnd().endsWith('data: [DONE]')).toBe(true);
    expect(result).toMatchObject({ outcome: 'complete', usage: { source: 'provider' } });
  });
});
