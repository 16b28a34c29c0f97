import { setTimeout as sleepFor } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { startScriptedUpstream, type ScriptedUpstream } from '@moltbot/providers/testing';
import fc from 'fast-check';
import { arbitraryBodies } from './arbitrary-bodies.js';
import { type PrimaryProcess, startPrimary } from './primary-process.js';
import { postHead, rawClient } from './raw-client.js';
import { expectMetric, expectUnharmed, good, inWordsOf, rawRefusal, readRefusal, refusalOf } from './refusal.js';

const LIMIT = 33_554_432;
const REQUEST_TIMEOUT_MS = 1_500;
const DOORS = ['/v1/chat/completions', '/v1/messages', '/v1/responses'] as const;
type Door = (typeof DOORS)[number];

let primary: PrimaryProcess;
let scripted: ScriptedUpstream;

beforeAll(async () => {
  scripted = await startScriptedUpstream({ script: { type: 'answer' } });
  primary = await startPrimary({
    config: {
      models: {
        primary: 'quick:model',
        chains: { translated: { primary: 'other:model' } },
        retry_policy: { max_attempts: 1 },
      },
      providers: {
        quick: { kind: 'openai-compatible', base_url: scripted.baseUrl('openai-chat'), models: { model: {} } },
        other: {
          kind: 'anthropic',
          base_url: scripted.baseUrl('anthropic-messages'),
          requires_credential: false,
          models: { model: {} },
        },
      },
      breaker: { failures: 1000 },
      server: { request_timeout: `${REQUEST_TIMEOUT_MS}ms` },
    },
  });
});

afterAll(async () => {
  await primary?.stop();
  await scripted?.close();
});

afterEach(() => expectUnharmed(primary));

function post(path: string, body: string | Buffer | ReadableStream, headers: Record<string, string> = {}) {
  return fetch(`${primary.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
    ...(body instanceof ReadableStream && { duplex: 'half' }),
  } as RequestInit);
}

function fieldAt(door: Door, name: string): string {
  const [first = '', ...rest] = name.split('.');
  return [inWordsOf(door, `"${first}"`).slice(1, -1), ...rest].join('.');
}

describe.each(DOORS)('a wrong body at %s', (door: Door) => {
  const say = (text: string) => inWordsOf(door, text);
  const refused = async (body: string | Buffer) =>
    refusalOf(door, await post(door, typeof body === 'string' ? say(body) : body));
  const withFields = (fields: object) => refused(JSON.stringify({ ...good, ...fields }));

  it.each([
    ['{"m": [secret-word', 7],
    ['{"model": "a" "secret-word": 1}', 14],
    ['{"model": "secret-word\u0001"}', 22],
    ['{"model": "a"} secret-word', 15],
  ])('that is no JSON (%j) is told where, never quoted', async (body, position) => {
    const { status, message } = await refused(body);
    expect(status).toBe(400);
    expect(message).toContain(`at character ${position}`);
    expect(message).not.toContain('secret');
  });

  it.each(['{"model": "secret-word', '', '{', 'NaN', '\ufeff{}'])('that is no JSON (%j) is a 400', async (body) => {
    const { status, message } = await refused(body);
    expect(status).toBe(400);
    expect(message).not.toContain('secret');
  });

  it.each(['null', '[]', '"text"', '12', 'true'])('that is JSON but no object (%s) is a 400', async (body) => {
    expect(await refused(body)).toMatchObject({ status: 400, message: expect.stringContaining('object') });
  });

  it('that is no UTF-8 is a 400 that says so', async () => {
    for (const bytes of [
      [0xff, 0xfe],
      [0xc3, 0x28],
      [0xed, 0xa0, 0x80],
      [0xf5, 0x80, 0x80, 0x80],
    ]) {
      const body = Buffer.concat([Buffer.from('{"model":"'), Buffer.from(bytes), Buffer.from('","messages":[]}')]);
      expect(await refused(body)).toMatchObject({ status: 400, message: expect.stringContaining('UTF-8') });
    }
  });

  it.each<[string, object]>([
    ['model', { model: 7 }],
    ['model', { model: '' }],
    ['model', { model: {} }],
    ['model', { model: 'x'.repeat(10_000) }],
    ['models', { models: 'a' }],
    ['models', { models: [] }],
    ['models', { models: Array.from({ length: 33 }, () => 'quick:model') }],
    ['models.1', { models: ['quick:model', 5] }],
    ['stream', { stream: 'yes' }],
    ['messages', { messages: undefined }],
    ['messages', { messages: null }],
    ['messages', { messages: 5 }],
    ['messages', { messages: { 0: { role: 'user', content: 'Hi' } } }],
    ['messages', { messages: [] }],
    ['messages', { messages: Array.from({ length: 10_001 }, () => ({ role: 'user', content: 'a' })) }],
    ['messages.0', { messages: ['Hi'] }],
    ['messages.0', { messages: [null] }],
    ['messages.0.role', { messages: [{ content: 'Hi' }] }],
  ])('names the field %s that is wrong (case %#)', async (name, changes) => {
    const { status, message, param } = await withFields(changes);
    const field = fieldAt(door, name);
    expect(status).toBe(400);
    expect(message).toContain(`${field}: expected`);
    if (door !== '/v1/messages') expect(param).toBe(field);
  });

  // The other dialect's model: here all of the request is read.
  const translated = door === '/v1/messages' ? 'default' : 'translated';
  it.each<[string, object]>([
    ['messages.0.role', { messages: [{ role: 'robot', content: 'Hi' }] }],
    ['messages.0.content', { messages: [{ role: 'user', content: 5 }] }],
    ['temperature', { temperature: 'hot' }],
    ['max_tokens', { max_tokens: -1 }],
    ['tools', { tools: 'all' }],
    [
      'tools',
      {
        tools: Array.from({ length: door === '/v1/messages' ? 10_001 : 1_025 }, (_, index) =>
          toolNamed(door, `tool${index}`),
        ),
      },
    ],
  ])('names the field %s that can’t be translated (case %#)', async (name, changes) => {
    const { status, message } = await withFields({ model: translated, ...changes });
    expect(status).toBe(400);
    expect(message).toContain(fieldAt(door, name));
  });

  it('names an unknown model, with the nearest known', async () => {
    for (const model of ['nobody:nothing', 'translatd', 'quick:', ':model', '__proto__', 'constructor', '../../x']) {
      const { status } = await withFields({ model });
      expect([400, 404]).toContain(status);
    }
    expect(await withFields({ model: 'translatd' })).toMatchObject({
      status: 404,
      message: expect.stringContaining('translated'),
    });
  });

  it('may hold duplicate keys, prototype keys and lone surrogates without harm', async () => {
    const messages = JSON.stringify(good.messages);
    for (const body of [
      `{"max_tokens":5,"model":"nobody:x","model":"default","messages":[],"messages":${messages}}`,
      `{"max_tokens":5,"messages":${messages},"__proto__":{"stream":true,"model":"nobody:x"}}`,
      `{"max_tokens":5,"messages":${messages},"constructor":{"prototype":{"stream":true}}}`,
      '{"max_tokens":5,"messages":[{"role":"user","content":"\\ud800 alone"}]}',
      '{"max_tokens":5,"model":"translated","messages":[{"role":"user","content":"\\udc00 alone"}]}',
    ]) {
      const answer = await post(door, say(body));
      const text = await answer.text();
      expect([answer.status, text.length < 5_000 && text]).toEqual([200, expect.stringContaining('word1')]);
    }
    expect(scripted.requests.at(-1)?.raw.toString()).toContain('alone');
  });

  it('of millions of levels is refused while others are answered', async () => {
    const slow = post(door, say(`{"messages":[{"role":"user","content":"x"}],"x":${'['.repeat(15_000_000)}`));
    const started = performance.now();
    expect((await fetch(`${primary.url}/health`)).status).toBe(200);
    expect(await refusalOf(door, await slow)).toMatchObject({ status: 400 });
    // 17 s where JSON.parse had to find out.
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  it('that nests a hundred thousand levels deep is no fault of ours', async () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    const deepObject = `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`;
    for (const model of ['default', 'translated']) {
      for (const value of [deep, deepObject]) {
        for (const field of [`"metadata":${value}`, `"tools":${value}`, `"unknown":${value}`]) {
          const answer = await post(
            door,
            say(`{"max_tokens":5,"model":"${model}","messages":[{"role":"user","content":"Hi"}],${field}}`),
          );
          expect([200, 400]).toContain(answer.status);
          await answer.arrayBuffer();
        }
        const answer = await post(
          door,
          say(`{"max_tokens":5,"model":"${model}","messages":[{"role":"user","content":${value}}]}`),
        );
        expect([200, 400]).toContain(answer.status);
        await answer.arrayBuffer();
      }
    }
  });

  it('over the limit is a 413, told by its length or found while it comes', async () => {
    const large = Buffer.alloc(LIMIT + 1, 0x20);
    const told = await post(door, large);
    expect(await refusalOf(door, told)).toMatchObject({ status: 413 });
    let sent = 0;
    const chunked = new ReadableStream({
      pull(controller) {
        sent += 1;
        if (sent > 40) controller.close();
        else controller.enqueue(Buffer.alloc(1_048_576, 0x20));
      },
    });
    expect(await refusalOf(door, await post(door, chunked))).toMatchObject({ status: 413 });
  });

  it('of the largest allowed size is answered', async () => {
    const shell = say(JSON.stringify({ ...good, messages: [{ role: 'user', content: '' }] }));
    const body = shell.replace('"content":""', `"content":"${'y'.repeat(LIMIT - shell.length)}"`);
    const answer = await post(door, body);
    await answer.arrayBuffer();
    expect(answer.status).toBe(200);
    expect(scripted.requests.at(-1)?.raw.length).toBeGreaterThan(LIMIT - 1_000);
  });

  it('of another type, or none at all, is refused before it is read', async () => {
    expect(await refusalOf(door, await post(door, 'a=b', { 'content-type': 'text/plain' }))).toMatchObject({
      status: 415,
    });
    expect(await refusalOf(door, await post(door, '{}', { 'content-type': 'nonsense' }))).toMatchObject({
      status: 415,
    });
    expect(await refusalOf(door, await fetch(`${primary.url}${door}`, { method: 'POST' }))).toMatchObject({
      status: 400,
    });
  });

  it('sent by another method is a 405 that names the right one', async () => {
    for (const method of ['GET', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
      const answer = await fetch(`${primary.url}${door}`, { method });
      expect(answer.headers.get('allow')).toBe('POST');
      expect(await refusalOf(door, answer)).toMatchObject({ status: 405 });
    }
    const asked = await fetch(`${primary.url}${door}`, { method: 'HEAD' });
    expect(asked.status).toBe(405);
  });

  it('that comes a byte at a time is a 408 when its time is over', async () => {
    const client = await rawClient(primary.url);
    client.socket.write(postHead(door, 'content-length: 1000'));
    await client.drip({ bytes: ' '.repeat(900), everyMs: 100 });
    expect(await client.closed()).toBeLessThan(REQUEST_TIMEOUT_MS + 1_500);
    expect(rawRefusal(door, client.received())).toMatchObject({ status: 408 });
  });

  it('whose sender leaves in the middle is nobody’s fault', async () => {
    const client = await rawClient(primary.url);
    client.socket.write(`${postHead(door, 'content-length: 1000')}{"model":`);
    await sleepFor(50);
    client.socket.resetAndDestroy();
    await expectMetric(primary, {
      name: 'moltbot_requests_total',
      labels: ['operation="chat"', 'outcome="cancelled"'],
      value: (value) => value > 0,
    });
  });

  it('never leads to a fault of ours, whatever JSON it is', async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryBodies, async (body) => {
        const answer = await post(door, say(JSON.stringify(body)));
        const text = await answer.text();
        expect(answer.headers.get('x-request-id')).toMatch(/^req_/);
        if (answer.status === 200) return;
        const { code } = readRefusal(door, { status: answer.status, headers: answer.headers, text });
        expect([answer.status, code]).not.toEqual([500, expect.anything()]);
        expect(answer.status).toBeLessThan(500);
      }),
      { numRuns: 150 },
    );
    expect(primary.output()).not.toContain('"fault"');
  });
});

function toolNamed(door: Door, name: string): object {
  return door === '/v1/messages'
    ? { name, input_schema: { type: 'object' } }
    : door === '/v1/responses'
      ? { type: 'function', name, parameters: { type: 'object' } }
      : { type: 'function', function: { name, parameters: { type: 'object' } } };
}
