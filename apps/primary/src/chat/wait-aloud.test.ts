import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { MoltbotError, type RequestRecord } from '@moltbot/contracts';
import { anthropicMessagesDoor, type DialectDoor, openAiChatDoor, openAiResponsesDoor } from '@moltbot/providers';
import type { FastifyReply } from 'fastify';
import { Exchange } from './exchange.js';
import { KeepAlive } from './keep-alive.js';
import { waitAloud } from './wait-aloud.js';

let server: Server;
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

/** A door at which a wait ends with an error after a time; gives what the caller sees. */
async function waitThatFails(options: { readonly door: DialectDoor; readonly afterMs: number }) {
  const keepAlive = new KeepAlive({ lookEveryMs: 5, silentForMs: 40 });
  const records: RequestRecord[] = [];
  const answered: boolean[] = [];
  let hijacked = false;
  server = createServer((_request, response) => {
    const exchange = new Exchange({
      requestId: 'r1',
      door: options.door,
      operation: 'chat',
      response,
      onEnd: (record) => records.push(record),
    });
    const reply = { raw: response, hijack: () => (hijacked = true) } as unknown as FastifyReply;
    const context = { id: 'r1', created: 1, model: 'local:m', includeUsage: true, estimatedInputTokens: 1 };
    const wait = waitAloud({ exchange, reply, keepAlive, context });
    setTimeout(() => {
      wait.end();
      answered.push(wait.fail(new MoltbotError('model_load_timeout', 'too slow')));
      if (!response.headersSent) response.writeHead(504).end('as ever');
    }, options.afterMs);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  const text = await response.text();
  const left = keepAlive.size;
  keepAlive.close();
  return { status: response.status, headers: response.headers, text, records, answered, hijacked, left };
}

describe('waiting for a model that is loaded', () => {
  it('is silent at first, so that an early failure keeps its status', async () => {
    const { status, text, answered, hijacked, left } = await waitThatFails({ door: openAiChatDoor, afterMs: 10 });
    expect([status, text, answered, hijacked, left]).toEqual([504, 'as ever', [false], false, 0]);
  });

  it.each([
    [openAiChatDoor, '"code":"model_load_timeout"'],
    [openAiResponsesDoor, 'event: response.failed'],
    [anthropicMessagesDoor, 'event: error'],
  ])('gives signs of life, and tells of a failure in band', async (door, said) => {
    const { status, headers, text, records, answered, hijacked, left } = await waitThatFails({ door, afterMs: 150 });
    expect([status, answered, hijacked, left]).toEqual([200, [true], true, 0]);
    expect(headers.get('content-type')).toContain('text/event-stream');
    expect(headers.get('x-request-id')).toBe('r1');
    expect(text.split(door.keepAlive).length).toBeGreaterThan(2);
    expect(text).toContain(said);
    expect(text).not.toContain('[DONE]');
    expect(records).toMatchObject([{ outcome: 'failed', errorCode: 'model_load_timeout' }]);
  });
});
