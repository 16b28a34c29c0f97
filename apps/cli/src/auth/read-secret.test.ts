import { PassThrough } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { readSecret } from './read-secret.js';

/** A stream that is a terminal as far as raw mode goes. */
function terminal() {
  const modes: boolean[] = [];
  const stream = Object.assign(new PassThrough(), { isTTY: true, setRawMode: (raw: boolean) => modes.push(raw) });
  return { stream: stream as unknown as NodeJS.ReadStream, modes, type: (text: string | Buffer) => stream.write(text) };
}

function read(stream: NodeJS.ReadStream, changes: { signal?: AbortSignal; interrupt?: () => void } = {}) {
  const asked: string[] = [];
  const secret = readSecret({
    stdin: stream,
    ask: (text) => asked.push(text),
    question: 'Key: ',
    signal: changes.signal ?? new AbortController().signal,
    interrupt: changes.interrupt ?? (() => undefined),
  });
  return { asked, secret };
}

describe('reading a secret', () => {
  it('takes what is typed until the line ends, with corrections, and shows none of it', async () => {
    const { stream, modes, type } = terminal();
    const { asked, secret } = read(stream);
    type('wrong\u0015sk-CANAR');
    type('X\u007fY');
    type(' \r and more');
    expect((await secret)?.reveal()).toBe('sk-CANARY');
    expect(modes).toEqual([true, false]);
    expect(asked).toEqual(['Key: ', '\n']);
    expect(stream.listenerCount('data')).toBe(0);
  });

  it('takes the first line of a pipe and asks nothing', async () => {
    const pipe = new PassThrough();
    const { asked, secret } = read(pipe as unknown as NodeJS.ReadStream);
    pipe.write(Buffer.from('sk-ü').subarray(0, 4));
    pipe.write(Buffer.from('sk-ü').subarray(4));
    pipe.end('-1\nsecond line\n');
    expect((await secret)?.reveal()).toBe('sk-ü-1');
    expect(asked).toEqual([]);
  });

  it('takes a pipe without a line end, and nothing for nothing', async () => {
    const pipe = new PassThrough();
    pipe.end('sk-1');
    expect((await read(pipe as unknown as NodeJS.ReadStream).secret)?.reveal()).toBe('sk-1');
    const empty = new PassThrough();
    empty.end();
    expect(await read(empty as unknown as NodeJS.ReadStream).secret).toBeUndefined();
  });

  it('ends with Ctrl-C and leaves the terminal as it was', async () => {
    const { stream, modes, type } = terminal();
    const abort = new AbortController();
    const { secret } = read(stream, { signal: abort.signal, interrupt: () => abort.abort() });
    type('sk-1\u0003');
    await expect(secret).rejects.toBe(abort.signal.reason);
    expect(modes).toEqual([true, false]);
  });

  it('is bounded', async () => {
    const pipe = new PassThrough();
    const { secret } = read(pipe as unknown as NodeJS.ReadStream);
    pipe.end('x'.repeat(100_000));
    expect((await secret)?.reveal()).toHaveLength(16_384);
  });
});
