import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { CommandContext } from '../context.js';
import { messagesFor } from '../messages/messages.js';
import { sendHttpRequest } from './http-request.js';
import { streamChat } from './stream-chat.js';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

const context = { messages: messagesFor({ locale: 'en', command: 'moltbot' }) } as CommandContext;
const chunk = (delta: object, finish: string | null = null) =>
  `data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
const DONE = 'data: [DONE]\n\n';

/** One answer of a server that writes exactly this. */
async function ask(answer: (response: ServerResponse, request: IncomingMessage) => void, signal?: AbortSignal) {
  const server = createServer((request, response) => {
    request.resume();
    request.once('end', () => answer(response, request));
  }).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  const { port } = server.address() as { readonly port: number };
  const heard: string[] = [];
  const outcome = await streamChat({
    context,
    client: {
      url: '',
      send: async (path, options) => sendHttpRequest({ url: `http://127.0.0.1:${port}${path}`, ...options }),
      getJson: async () => undefined,
    },
    model: 'default',
    messages: [{ role: 'user', content: 'x' }],
    signal,
    onText: (text) => heard.push(text),
  });
  return { outcome, heard };
}

const sse = (text: string) => (response: ServerResponse) => {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'x-moltbot-model': 'a:x' });
  response.end(text);
};

describe('a streamed answer', () => {
  it('is whole with its finish reason and its end marker', async () => {
    const usage = `data: ${JSON.stringify({ choices: [], usage: { prompt_tokens: 3, completion_tokens: 2 } })}\n\n`;
    const text = `: keep-alive\n\n${chunk({ role: 'assistant', content: '' })}${chunk({ content: 'Hel' })}${chunk({ content: 'lo' })}${chunk({}, 'stop')}${usage}${DONE}`;
    const { outcome, heard } = await ask(sse(text));
    expect(heard).toEqual(['Hel', 'lo']);
    expect(outcome).toMatchObject({
      text: 'Hello',
      model: 'a:x',
      usage: { input: 3, output: 2 },
      finishReason: 'stop',
      fallback: undefined,
      cost: undefined,
      brokeOff: undefined,
    });
  });

  it.each([
    ['without an end marker', chunk({ content: 'Hel' }) + chunk({}, 'stop'), 'the stream ended without its end marker'],
    ['without a finish reason', chunk({ content: 'Hel' }) + DONE, 'the stream ended without its end marker'],
    ['with nothing in it', '', 'the stream ended without its end marker'],
    ['that is no JSON', `data: <html>\n\n${DONE}`, 'the stream holds something that is no event'],
    [
      'with an error in it',
      `${chunk({ content: 'Hel' })}data: {"choices":[{"index":0,"delta":{},"finish_reason":"error"}],"error":{"message":"gone","code":"stream_interrupted"}}\n\n`,
      'gone',
    ],
  ])('%s is not taken for whole', async (_case, text, reason) => {
    const { outcome } = await ask(sse(text));
    expect(outcome.brokeOff).toBe(reason);
  });

  it('that is cut by the connection is not taken for whole', async () => {
    const { outcome } = await ask((response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(chunk({ content: 'Hel' }), () => response.destroy());
    });
    expect(outcome).toMatchObject({ text: 'Hel', brokeOff: 'the connection to MoltBot broke' });
  });

  it('has its cost and its writers from the trailers', async () => {
    const { outcome } = await ask((response, request) => {
      expect(request.headers.te).toBe('trailers');
      response.writeHead(200, {
        'x-moltbot-model': 'a:x',
        'x-moltbot-fallback': 'z:z -> a:x; reason=server',
        trailer: 'x-moltbot-cost, x-moltbot-models, x-moltbot-attempts',
      });
      response.write(chunk({ content: 'Hello' }) + chunk({}, 'stop') + DONE);
      response.addTrailers({ 'x-moltbot-cost': '0.000012', 'x-moltbot-models': 'a:x, b:y', 'x-moltbot-attempts': '3' });
      response.end();
    });
    expect(outcome).toMatchObject({
      model: 'b:y',
      attempts: 3,
      cost: '0.000012',
      fallback: 'z:z -> a:x; reason=server, in mid-answer a:x -> b:y',
    });
  });

  it('stops when it is cancelled, and closes its connection', async () => {
    const cancel = new AbortController();
    const closed = Promise.withResolvers<void>();
    const asking = ask((response) => {
      response.on('close', () => closed.resolve());
      response.writeHead(200);
      response.write(chunk({ content: 'Hel' }), () => cancel.abort());
    }, cancel.signal);
    await expect(asking).rejects.toMatchObject({ name: 'AbortError' });
    await closed.promise;
  });
});

describe('an answer that is an error', () => {
  const refuse = (status: number, body: string) => (response: ServerResponse) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(body);
  };

  it('is the models’ failure from 500 on and for a rate limit, else the request’s', async () => {
    const error = (code: string) => JSON.stringify({ error: { message: 'so', code } });
    await expect(ask(refuse(429, error('rate_limited')))).rejects.toMatchObject({
      exit: 'model',
      code: 'rate_limited',
    });
    await expect(ask(refuse(503, error('quota_exhausted')))).rejects.toMatchObject({ exit: 'model' });
    await expect(ask(refuse(404, error('model_not_found')))).rejects.toMatchObject({
      exit: 'failed',
      message: expect.stringContaining('`moltbot models list`'),
    });
  });

  it('is told by its status where it is none of ours', async () => {
    await expect(ask(refuse(502, '<html>'))).rejects.toMatchObject({ exit: 'model', code: 'http_502' });
    await expect(ask(refuse(400, '{"error":"text"}'))).rejects.toMatchObject({ exit: 'failed', code: 'http_400' });
  });
});
