import { describe, expect, it } from '@jest/globals';
import { MoltbotError } from '@moltbot/contracts';
import { ByteRope } from '@moltbot/providers';
import fastify from 'fastify';
import { connect } from 'node:net';
import { once } from 'node:events';
import { collectBody } from './collect-body.js';

const LIMIT = 300_000;

/** Sends bytes as they are to a server that only collects. */
async function collected(...writes: readonly (string | Buffer)[]): Promise<unknown> {
  const app = fastify({ forceCloseConnections: true });
  const seen = new Promise((resolve) => {
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('application/json', collectBody(LIMIT));
    app.setErrorHandler((error, _request, reply) => {
      resolve(error);
      void reply.code(400).send({});
    });
    app.post('/', (request, reply) => {
      resolve(request.body);
      void reply.send({});
    });
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  const socket = connect((app.server.address() as { port: number }).port, '127.0.0.1');
  socket.on('error', () => undefined);
  try {
    await once(socket, 'connect');
    for (const bytes of writes) socket.write(bytes);
    socket.resume();
    return await seen;
  } finally {
    socket.destroy();
    await app.close();
  }
}

const head = (...fields: readonly string[]): string =>
  ['POST / HTTP/1.1', 'host: x', 'content-type: application/json', ...fields, '', ''].join('\r\n');

describe('the collector of bodies', () => {
  it('gives the bytes as they came, in the pieces in which they came', async () => {
    const body = Buffer.from(Array.from({ length: 200_000 }, (_, index) => index % 251));
    const rope = await collected(head(`content-length: ${body.length}`), body);
    expect(rope).toBeInstanceOf(ByteRope);
    if (!(rope instanceof ByteRope)) return;
    expect(rope.pieces.length).toBeGreaterThan(1);
    expect(rope.bytes.equals(body)).toBe(true);
  });

  it('takes a chunked body, also an empty one', async () => {
    const chunked = await collected(head('transfer-encoding: chunked'), '3\r\nabc\r\n', '2\r\nde\r\n0\r\n\r\n');
    expect((chunked as ByteRope).bytes.toString()).toBe('abcde');
    const empty = await collected(head('transfer-encoding: chunked'), '0\r\n\r\n');
    expect((empty as ByteRope).length).toBe(0);
  });

  it('refuses what is announced or comes longer than the limit', async () => {
    const announced = await collected(head(`content-length: ${LIMIT + 1}`));
    const come = await collected(
      head('transfer-encoding: chunked'),
      `${(LIMIT + 1).toString(16)}\r\n${'x'.repeat(LIMIT + 1)}\r\n`,
    );
    for (const error of [announced, come]) {
      expect(error).toBeInstanceOf(MoltbotError);
      expect(error).toMatchObject({ code: 'payload_too_large' });
    }
  });
});
