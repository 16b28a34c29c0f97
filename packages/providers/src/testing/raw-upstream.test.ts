import { connect } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { readAll } from './chat-client.js';
import { chunk, type RawUpstream, slowly, startRawUpstream } from './raw-upstream.js';

let upstream: RawUpstream;

afterEach(async () => {
  await upstream.close();
});

const HEAD = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n';

describe('the raw upstream', () => {
  it('sends exactly the given bytes after a whole request', async () => {
    const steps = [{ wait: 'request' } as const, { send: HEAD }, { send: chunk('one') + chunk('two') + chunk('') }];
    upstream = await startRawUpstream({ steps });
    const response = await fetch(upstream.origin, { method: 'POST', body: 'x'.repeat(100_000) });
    expect(await response.text()).toBe('onetwo');
    expect(upstream.connections[0]?.received.length).toBeGreaterThan(100_000);
  });

  it('sends headers byte by byte', async () => {
    upstream = await startRawUpstream({ steps: [...slowly(HEAD, { size: 10, everyMs: 2 }), { send: chunk('') }] });
    expect((await fetch(upstream.origin)).status).toBe(200);
  });

  it('breaks a connection in the middle of headers, chunks and bodies', async () => {
    const scripts = [
      [{ send: 'HTTP/1.1 200 OK\r\ncontent-' }, { close: 'end' } as const],
      [{ send: `${HEAD}ZZ\r\n` }],
      [{ send: HEAD + chunk('good') }, { close: 'end' } as const],
    ];
    upstream = await startRawUpstream({ steps: (connection) => scripts[connection] ?? [] });
    await expect(fetch(upstream.origin)).rejects.toThrow();
    const wrongSize = await readAll(await fetch(upstream.origin));
    expect(wrongSize.broken).toBe(true);
    expect(await readAll(await fetch(upstream.origin))).toEqual({ raw: 'good', broken: true });
    await upstream.waitForClosed(3);
  });

  it('resets, and stays open after its last step', async () => {
    upstream = await startRawUpstream({ steps: (connection) => (connection === 0 ? [{ close: 'reset' }] : []) });
    await expect(fetch(upstream.origin)).rejects.toThrow();
    const open = fetch(upstream.origin.replace('http:', 'https:'), { signal: AbortSignal.timeout(80) });
    await expect(open).rejects.toMatchObject({ name: 'TimeoutError' });
    // A TLS record of type handshake, and nothing like HTTP.
    expect(upstream.connections.at(-1)?.received[0]).toBe(0x16);
    await upstream.waitForClosed(1);
    await expect(upstream.waitForClosed(2, 20)).rejects.toThrow('1 connections have been closed, not 2');
  });

  it('ends every connection when it is closed', async () => {
    upstream = await startRawUpstream({ steps: [] });
    const socket = connect(upstream.port, '127.0.0.1');
    const closed = new Promise((resolve) => socket.on('close', resolve));
    await new Promise<void>((resolve) => socket.on('connect', resolve));
    await upstream.close();
    await closed;
  });
});
