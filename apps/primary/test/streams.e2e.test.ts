import { once } from 'node:events';
import { type IncomingMessage, request as httpRequest } from 'node:http';
import { setTimeout as sleepFor } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type Behaviour,
  chunk,
  SCRIPTED_TEXT,
  type ScriptedUpstream,
  startRawUpstream,
  startScriptedUpstream,
} from '@moltbot/providers/testing';
import { type FloodUpstream, startFloodUpstream } from './flood-upstream.js';
import { type PrimaryProcess, startPrimary } from './primary-process.js';
import { postHead, rawClient } from './raw-client.js';
import { expectIdle, expectMetric, good, inWordsOf, refusalOf } from './refusal.js';

const MB = 1_048_576;
const CHAT = '/v1/chat/completions';
const MESSAGES = '/v1/messages';
const RESPONSES = '/v1/responses';

let primary: PrimaryProcess;
let flood: FloodUpstream;
let scripted: ScriptedUpstream;

beforeAll(async () => {
  flood = await startFloodUpstream();
  scripted = await startScriptedUpstream({ script: { type: 'answer' } });
  primary = await startPrimary({
    config: {
      models: { primary: 'openai:model', retry_policy: { max_attempts: 1 } },
      providers: {
        openai: {
          base_url: scripted.baseUrl('openai-chat'),
          models: { model: { price: { input: 1, output: 1 } } },
          max_connections: 1_024,
        },
        anthropic: { base_url: scripted.baseUrl('anthropic-messages'), models: { model: {} } },
        native: {
          kind: 'openai',
          api: 'responses',
          base_url: scripted.baseUrl('openai-responses'),
          requires_credential: false,
          models: { model: {} },
        },
        flood: { kind: 'openai-compatible', base_url: flood.baseUrl },
      },
      breaker: { failures: 1000 },
    },
    auth: { openai: { type: 'api_key', key: 'sk-o' }, anthropic: { type: 'api_key', key: 'sk-a' } },
  });
});

afterAll(async () => {
  await primary?.stop();
  await flood?.close();
  await scripted?.close();
});

function post(path: string, fields: object, signal?: AbortSignal) {
  return fetch(primary.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: inWordsOf(path, JSON.stringify({ ...good, ...fields })),
    ...(signal && { signal }),
  });
}

/** A streamed answer that the test reads when it likes. */
async function openStream(
  path: string,
  fields: object,
  headers: Record<string, string> = {},
): Promise<IncomingMessage> {
  const request = httpRequest(primary.url + path, {
    method: 'POST',
    agent: false,
    headers: { 'content-type': 'application/json', ...headers },
  });
  request.end(inWordsOf(path, JSON.stringify({ ...good, stream: true, ...fields })));
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return response;
}

async function residentBytes(): Promise<number> {
  const metrics = await (await fetch(`${primary.opsUrl}/metrics`)).text();
  return Number(/^process_resident_memory_bytes\S* (\S+)$/m.exec(metrics)?.[1]);
}

describe('a caller that leaves', () => {
  it.each([
    ['a whole answer', { model: 'flood:never' }],
    ['a stream that has not begun', { model: 'flood:never', stream: true }],
    ['a stream that has begun', { model: 'flood:silent', stream: true }],
  ])('stops %s upstream within a second', async (what, fields) => {
    const index = flood.floods.length;
    const leaving = new AbortController();
    const answer = post(CHAT, fields, leaving.signal);
    answer.catch(() => undefined);
    while (flood.floods.length === index) await sleepFor(5);
    if (what === 'a stream that has begun') await (await answer).body?.getReader().read();
    else await sleepFor(50);
    const leftAt = performance.now();
    leaving.abort();
    const { closedAt = 0 } = await flood.closed(index);
    expect(closedAt - leftAt).toBeLessThan(1_000);
    await expectIdle(primary);
  });

  it('is accounted as cancelled, not as a failure', async () => {
    await expectMetric(primary, {
      name: 'moltbot_requests_total',
      labels: ['outcome="cancelled"'],
      value: (value) => value === 3,
    });
    await expectMetric(primary, {
      name: 'moltbot_attempts_total',
      labels: ['provider="flood"', 'outcome="cancelled"'],
      value: (value) => value === 3,
    });
    expect(primary.output()).not.toContain('attempt failed');
  });
});

describe('a caller that reads slowly', () => {
  it.each([
    ['as it came', CHAT, 100],
    ['translated', MESSAGES, 30],
  ])('costs bounded memory, holds its upstream back, and gets all of it (%s)', async (_how, path, megabytes) => {
    const index = flood.floods.length;
    const before = await residentBytes();
    const response = await openStream(path, { model: `flood:flood-${megabytes}` });
    response.pause();
    let sent = -1;
    while (flood.floods[index]?.sent !== sent) {
      sent = flood.floods[index]?.sent ?? 0;
      await sleepFor(250);
    }
    // What the three sockets on the way hold.
    expect(sent).toBeLessThan(40 * MB);
    expect((await residentBytes()) - before).toBeLessThan(64 * MB);
    let length = 0;
    let end = '';
    response.on('data', (piece: Buffer) => {
      length += piece.length;
      end = (end + piece.toString('latin1')).slice(-200);
    });
    response.resume();
    await once(response, 'end');
    expect(end).toContain(path === CHAT ? 'data: [DONE]' : 'message_stop');
    if (path === CHAT) expect(length).toBeGreaterThan(megabytes * MB);
    // What it has passed on by then is garbage; how much of it the collector leaves lying depends on the machine's load.
  });
});

describe('an answer without end at the door of responses', () => {
  it('is cut off in band before it costs memory, since its last event would have to repeat it', async () => {
    const before = await residentBytes();
    const response = await post(RESPONSES, { model: 'flood:flood-20-wide', stream: true });
    const text = await response.text();
    expect(text.length).toBeGreaterThan(4 * MB);
    const last = text.trim().split('\n\n').at(-1) ?? '';
    expect(last).toContain('"code":"stream_interrupted"');
    expect(text).toContain('event: response.failed');
    expect(isGoodEnd(text)).toBe(false);
    const flooded = await flood.closed(flood.floods.length - 1);
    expect(flooded.complete).toBe(false);
    expect((await residentBytes()) - before).toBeLessThan(128 * MB);
  });
});

describe('512 streams at once', () => {
  it('are all answered whole by one process', async () => {
    scripted.setScript({ type: 'answer', intervalMs: 5 });
    const texts = await Promise.all(
      Array.from({ length: 512 }, async (_, index) => {
        const response = await post([CHAT, MESSAGES, RESPONSES][index % 3] ?? CHAT, { stream: true });
        return await response.text();
      }),
    );
    const broken = texts.filter((text) => !isGoodEnd(text) || !text.includes('word60'));
    expect(broken).toEqual([]);
    await expectIdle(primary);
  });
});

const WAYS = [
  ['openai:model', CHAT],
  ['anthropic:model', CHAT],
  ['openai:model', MESSAGES],
  ['anthropic:model', MESSAGES],
  ['native:model', RESPONSES],
  ['anthropic:model', RESPONSES],
] as const;

const isGoodEnd = (text: string) => /\[DONE\]|message_stop|response\.completed/.test(text);

describe('a stream whose upstream forgets the end marker', () => {
  // A response without its last event is none: there the marker is the answer.
  const ways = WAYS.filter(([model]) => model !== 'native:model');

  it('ends in seconds, with usage, on every way', async () => {
    scripted.setScript({ type: 'no-end-marker', answer: { usage: { inputTokens: 3, outputTokens: 77 } } });
    const startedAt = performance.now();
    const texts = await Promise.all(
      ways.map(async ([model, path]) => {
        const response = await post(path, { model, stream: true, stream_options: { include_usage: true } });
        return await response.text();
      }),
    );
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    for (const text of texts) {
      expect(textOf(text)).toBe(SCRIPTED_TEXT);
      expect(text).toMatch(/"(completion|output)_tokens":77/);
      expect(isGoodEnd(text)).toBe(true);
    }
  });
});

describe.each(WAYS)('a stream of %s at %s', (model, path) => {
  const play = async (behaviour: Behaviour) => {
    scripted.setScript(behaviour);
    const response = await post(path, { model, stream: true, stream_options: { include_usage: true } });
    return { response, text: await response.text() };
  };

  it('names who answers in its headers', async () => {
    const { response, text } = await play({ type: 'answer' });
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      'x-moltbot-model': model,
      'x-moltbot-attempts': '1',
      'x-request-id': expect.stringMatching(/^req_/),
    });
    expect(textOf(text)).toBe(SCRIPTED_TEXT);
    expect(isGoodEnd(text)).toBe(true);
  });

  it.each<[string, Behaviour, number[]]>([
    ['a 503', { type: 'status', status: 503 }, [503]],
    ['an error event', { type: 'error-event', after: 0 }, [500, 502, 503]],
    ['an end without any content', { type: 'empty' }, [502]],
    ['a cut', { type: 'cut', after: 0 }, [502]],
  ])('that fails with %s before the first content keeps its status', async (_what, behaviour, statuses) => {
    scripted.setScript(behaviour);
    const response = await post(path, { model, stream: true });
    const { headers } = response;
    expect(statuses).toContain((await refusalOf(path, response)).status);
    expect(headers.get('x-moltbot-attempts')).toBe('1');
  });

  it('that is rate limited says when to come back', async () => {
    scripted.setScript({ type: 'status', status: 429, headers: { 'retry-after': '30' } });
    // A model of its own: it is left alone for that long.
    const response = await post(path, { model: `${model}-limited${path.length}`, stream: true });
    expect(response.headers.get('retry-after')).toBe('30');
    expect(await refusalOf(path, response)).toMatchObject({ status: 429 });
  });

  it.each<[string, Behaviour]>([
    ['a cut', { type: 'cut', after: 5 }],
    ['a malformed event', { type: 'malformed', after: 5 }],
    ['an error event', { type: 'error-event', after: 5 }],
    ['an end without finish marker', { type: 'no-finish' }],
  ])('that breaks off with %s says so in band and never looks whole', async (_what, behaviour) => {
    let index = 0;
    scripted.setScript(() => {
      index += 1;
      return index === 1 ? behaviour : { type: 'status', status: 500 };
    });
    const response = await post(path, { model, stream: true });
    const text = await response.text();
    expect(response.status).toBe(200);
    expect(text).toContain('word1');
    expect(isGoodEnd(text)).toBe(false);
    expect(text).not.toMatch(/"finish_reason":"stop"|"end_turn"/);
    const last = text.trim().split('\n\n').at(-1) ?? '';
    if (path === CHAT) {
      expect(JSON.parse(last.replace(/^data: /, ''))).toMatchObject({ error: { code: 'stream_interrupted' } });
    } else {
      expect(last).toMatch(/^event: error\ndata: \{"type":"error"/);
      if (path === RESPONSES) expect(text).toContain('event: response.failed');
    }
  });
});

describe('the bytes of a stream', () => {
  it('hold whole events in each piece, however the upstream cut them', async () => {
    const events = ['{"role":"assistant","content":"Grü"}', '{"content":"ße 🌍"}', '{"content":" ok"}'].map(
      (delta) =>
        `data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":${delta},"finish_reason":null}]}\n\n`,
    );
    const body = `${events.join('')}data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n`;
    const bytes = Buffer.from(body);
    const pieces = Array.from({ length: Math.ceil(bytes.length / 37) }, (_, index) => {
      const piece = bytes.subarray(index * 37, index * 37 + 37);
      return Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]);
    });
    const upstream = await startRawUpstream({
      steps: [
        { wait: 'request' },
        { send: 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n' },
        ...pieces.flatMap((piece) => [{ send: piece }, { waitMs: 3 }]),
        { send: chunk('') },
      ],
    });
    const other = await startPrimary({
      config: {
        models: { primary: 'local:m' },
        providers: { local: { kind: 'openai-compatible', base_url: `${upstream.origin}/v1` } },
      },
    });
    try {
      const client = await rawClient(other.url);
      const question = JSON.stringify({ ...good, stream: true });
      client.socket.write(postHead(CHAT, 'connection: close', `content-length: ${question.length}`) + question);
      await client.closed();
      const chunks = decodeChunks(client.received());
      expect(chunks.join('')).toBe(body);
      expect(chunks.filter((text) => !text.endsWith('\n\n'))).toEqual([]);
    } finally {
      await other.stop();
      await upstream.close();
    }
  });

  it('are followed by trailers for a caller that reads them', async () => {
    scripted.setScript({ type: 'answer', answer: { usage: { inputTokens: 10, outputTokens: 20 } } });
    const response = await openStream(CHAT, {}, { te: 'trailers' });
    response.resume();
    await once(response, 'end');
    expect(response.trailers).toMatchObject({
      'x-moltbot-attempts': '1',
      'x-moltbot-cost': '0.000030',
      'x-moltbot-models': 'openai:model',
    });
  });
});

function textOf(stream: string): string {
  return [...stream.matchAll(/^data: (\{.*)$/gm)]
    .map(
      ([, json = '{}']) =>
        JSON.parse(json) as { choices?: { delta: { content?: string } }[]; delta?: { text?: string } | string },
    )
    .map(
      (event) =>
        event.choices?.[0]?.delta.content ?? (typeof event.delta === 'string' ? event.delta : event.delta?.text) ?? '',
    )
    .join('');
}

/** The pieces of a chunked answer (RFC 9112 section 7.1) as they were written. */
function decodeChunks(answer: string): string[] {
  const bytes = Buffer.from(answer);
  const chunks: string[] = [];
  let at = bytes.indexOf('\r\n\r\n') + 4;
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16);
    if (!(size > 0)) return chunks;
    chunks.push(bytes.toString('utf8', lineEnd + 2, lineEnd + 2 + size));
    at = lineEnd + 2 + size + 2;
  }
}
