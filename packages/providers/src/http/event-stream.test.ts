import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ProviderError } from '../failure.js';
import { createEventSplitter, type ServerSentEvent } from './event-stream.js';

/** Pushes the chunks and gives the events, each with the bytes its offsets name, and all bytes together. */
function split(chunks: readonly Buffer[]) {
  const splitter = createEventSplitter();
  const events: (Pick<ServerSentEvent, 'event' | 'data'> & { text: string })[] = [];
  const bytes: Buffer[] = [];
  for (const chunk of chunks) {
    const result = splitter.push(chunk);
    bytes.push(result.bytes);
    for (const { event, data, start, end } of result.events) {
      events.push({ event, data, text: result.bytes.toString('utf8', start, end) });
    }
  }
  return { events, bytes: Buffer.concat(bytes), pendingBytes: splitter.pendingBytes };
}

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  let position = 0;
  for (let turn = 0; position < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? bytes.length;
    chunks.push(bytes.subarray(position, position + size));
    position += size;
  }
  return chunks;
}

describe('createEventSplitter', () => {
  it('passes a chunk of whole events as the same buffer', () => {
    const chunk = Buffer.from('data: {"a":1}\n\ndata: {"a":2}\n\n');
    const { bytes, events } = createEventSplitter().push(chunk);
    expect(bytes).toBe(chunk);
    expect(events).toEqual([
      { event: undefined, data: '{"a":1}', start: 0, end: 15 },
      { event: undefined, data: '{"a":2}', start: 15, end: 30 },
    ]);
  });

  it('keeps the remainder of a chunk for the next one', () => {
    const splitter = createEventSplitter();
    expect(splitter.push(Buffer.from('data: 1\n\ndata: hal')).bytes.toString()).toBe('data: 1\n\n');
    expect(splitter.pendingBytes).toBe(9);
    expect(splitter.push(Buffer.from('f\n'))).toEqual({ bytes: Buffer.alloc(0), events: [] });
    const { bytes, events } = splitter.push(Buffer.from('\ndata: 2\n\n'));
    expect(bytes.toString()).toBe('data: half\n\ndata: 2\n\n');
    expect(events.map((event) => event.data)).toEqual(['half', '2']);
    expect(splitter.pendingBytes).toBe(0);
  });

  it.each([
    [
      'event names and many data lines',
      'event: x\ndata: a\ndata:b\ndata\ndata:  c\n\n',
      [{ event: 'x', data: 'a\nb\n\n c' }],
    ],
    [
      'comments, ids and retries',
      ': hi\n\nid: 7\nretry: 5\ndata: a\n: in between\n\n',
      [{ event: undefined, data: 'a' }],
    ],
    ['events without data', 'event: ping\n\n\n\nfoo\n\ndata:\n\n', [{ event: undefined, data: '' }]],
    [
      'CRLF',
      'event: x\r\ndata: a\r\n\r\ndata: b\r\n\r\n',
      [
        { event: 'x', data: 'a' },
        { event: undefined, data: 'b' },
      ],
    ],
    [
      'CR',
      'data: a\r\rdata: b\r\r',
      [
        { event: undefined, data: 'a' },
        { event: undefined, data: 'b' },
      ],
    ],
    [
      'line ends mixed',
      'data: a\n\r\ndata: b\r\n\ndata: c\r\n\r',
      [
        { event: undefined, data: 'a' },
        { event: undefined, data: 'b' },
        { event: undefined, data: 'c' },
      ],
    ],
    ['a byte order mark', '\ufeffdata: ä\n\n', [{ event: undefined, data: 'ä' }]],
    ['characters of four bytes', 'data: 你好 😀\n\n', [{ event: undefined, data: '你好 😀' }]],
    ['fields with similar names', 'database: no\ndata: yes\ndatum: no\n\n', [{ event: undefined, data: 'yes' }]],
  ])('reads %s, wherever the chunks are cut', (_, text, expected) => {
    const bytes = Buffer.from(text);
    for (let size = 1; size <= bytes.length; size += 1) {
      const result = split(cut(bytes, [size]));
      expect(result.events.map(({ event, data }) => ({ event, data }))).toEqual(expected);
      expect(result.bytes.equals(bytes)).toBe(true);
      expect(result.pendingBytes).toBe(0);
    }
  });

  it('gives an event out with the CR that ends it and takes the LF after it as part of the same line end', () => {
    const splitter = createEventSplitter();
    expect(splitter.push(Buffer.from('data: a\r\n\r')).events).toHaveLength(1);
    const rest = splitter.push(Buffer.from('\ndata: b\n\n'));
    expect(rest.bytes.toString()).toBe('\ndata: b\n\n');
    expect(rest.events).toEqual([{ event: undefined, data: 'b', start: 1, end: 10 }]);
  });

  it('names bytes by offset, so that an event can be cut out of a frame with characters of many bytes', () => {
    const { events } = split([Buffer.from(': ü\n\ndata: é\n\nevent: e\ndata: 好\n\n')]);
    expect(events.map((event) => event.text)).toEqual(['data: é\n\n', 'event: e\ndata: 好\n\n']);
  });

  it('keeps nothing of what the caller does with a chunk after its bytes have been given out', () => {
    const splitter = createEventSplitter();
    const { bytes } = splitter.push(Buffer.from('data: 1\n\ndata: 2'));
    splitter.push(Buffer.from(' more\n\ndata: 3'));
    expect(bytes.toString()).toBe('data: 1\n\n');
  });

  it('refuses an event beyond the bound, but gives out the good ones before it first', () => {
    const splitter = createEventSplitter({ maxEventBytes: 100 });
    expect(splitter.push(Buffer.from(`data: ok\n\ndata: ${'x'.repeat(200)}`)).events).toHaveLength(1);
    expect(() => splitter.push(Buffer.from('y'))).toThrow(ProviderError);
    expect(() => createEventSplitter({ maxEventBytes: 100 }).push(Buffer.alloc(101, 'x'))).toThrow(
      expect.objectContaining({ kind: 'stream-malformed' }),
    );
    const slow = createEventSplitter({ maxEventBytes: 100 });
    expect(() => {
      for (let turn = 0; turn < 101; turn += 1) slow.push(Buffer.from('x'));
    }).toThrow(expect.objectContaining({ kind: 'stream-malformed' }));
  });

  it('reads an event of the largest size that comes in tiny chunks', () => {
    const bytes = Buffer.from(`data: ${'x'.repeat(1_000_000)}\n\n`);
    expect(split(cut(bytes, [7])).events.map((event) => event.data.length)).toEqual([1_000_000]);
  });

  it('finds the same events however the bytes are cut', () => {
    const line = fc.oneof(
      fc
        .tuple(fc.constantFrom('data: ', 'data:', 'event: ', ':', 'id: ', 'x'), fc.string({ unit: 'grapheme' }))
        .map(([field, text]) => `${field}${text.replaceAll(/[\r\n]/g, '')}`),
      fc.constant(''),
    );
    const document = fc.array(fc.tuple(line, fc.constantFrom('\n', '\r\n', '\r')), { maxLength: 20 });
    fc.assert(
      fc.property(
        document,
        fc.boolean(),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
        (lines, mark, sizes) => {
          const bytes = Buffer.from((mark ? '\ufeff' : '') + lines.map((parts) => parts.join('')).join(''));
          const whole = split([bytes]);
          const pieces = split(cut(bytes, sizes));
          expect(pieces.events.map(({ event, data }) => ({ event, data }))).toEqual(
            whole.events.map(({ event, data }) => ({ event, data })),
          );
          expect(bytes.subarray(0, pieces.bytes.length).equals(pieces.bytes)).toBe(true);
          expect(pieces.bytes.length + pieces.pendingBytes).toBe(bytes.length);
        },
      ),
      { numRuns: 500 },
    );
  });
});
