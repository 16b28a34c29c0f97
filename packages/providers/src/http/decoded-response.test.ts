import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, describe, expect, it } from '@jest/globals';
import { createSockets, post, readAll, WHOLE } from '../testing/sockets.js';

const sockets = createSockets();
const { client, serve } = sockets;
afterEach(() => sockets.close());

describe('a body that is compressed though we asked for none', () => {
  const text = JSON.stringify({ answer: 'hello '.repeat(1_000) });
  const encodings = {
    gzip: gzipSync(text),
    deflate: deflateSync(text),
    br: brotliCompressSync(text),
    zstd: zstdCompressSync(text),
  };

  it.each(Object.entries(encodings))('is decoded: %s', async (encoding, bytes) => {
    const { url } = await serve((_, response) => response.setHeader('content-encoding', encoding).end(bytes));
    const upstream = client();
    const response = await post(upstream, { url });
    expect(response.headers['content-encoding']).toBeUndefined();
    expect((await response.whole(WHOLE)).toString()).toBe(text);
    expect(await readAll(await post(upstream, { url }))).toBe(text);
  });

  it('is refused where it grows beyond the limit, is broken or comes in an unknown encoding', async () => {
    const { url } = await serve((request, response) => {
      const kind = request.headers['x-kind'];
      if (kind === 'unknown') response.setHeader('content-encoding', 'compress').end('x');
      else if (kind === 'broken') response.setHeader('content-encoding', 'gzip').end('no gzip');
      else if (kind === 'short') response.setHeader('content-encoding', 'gzip').end(encodings.gzip.subarray(0, 40));
      else response.setHeader('content-encoding', 'gzip').end(gzipSync(Buffer.alloc(20_000_000)));
    });
    const upstream = client();
    for (const kind of ['unknown', 'broken', 'short', 'bomb']) {
      const response = await post(upstream, { url, headers: { 'x-kind': kind } });
      await expect(response.whole(WHOLE)).rejects.toMatchObject({ kind: 'not-an-answer' });
    }
  });

  it('of an error keeps its status', async () => {
    const { url } = await serve((_, response) => response.writeHead(429, { 'content-encoding': 'odd' }).end('x'));
    const response = await post(client(), { url });
    expect(response.status).toBe(429);
    expect(await response.whole(WHOLE)).toHaveLength(0);
  });
});
