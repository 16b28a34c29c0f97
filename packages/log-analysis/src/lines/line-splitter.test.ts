import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { LineSplitter } from './line-splitter.js';

function split(chunks: readonly Uint8Array[], maxLineBytes = 1_000) {
  const lines: string[] = [];
  const splitter = new LineSplitter({
    maxLineBytes,
    onLine: (bytes, start, end) => lines.push(Buffer.from(bytes.subarray(start, end)).toString('utf8')),
  });
  for (const chunk of chunks) splitter.push(chunk);
  splitter.end();
  return { lines, counts: splitter.counts };
}

describe('the lines of a stream', () => {
  it('are the same however the bytes are cut into chunks', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: fc.constantFrom('a', 'ü', '😀', ' ', '\r') })),
        fc.array(fc.nat({ max: 40 }), { maxLength: 8 }),
        fc.constantFrom('\n', '\r\n'),
        (lines, cuts, lineEnd) => {
          const texts = lines.map((line) => line.replaceAll('\r', ''));
          const bytes = Buffer.from(texts.map((line) => line + lineEnd).join(''));
          const at = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length];
          const chunks = at.slice(1).map((end, index) => bytes.subarray(at[index], end));
          expect(split(chunks).lines).toEqual(texts);
        },
      ),
    );
  });

  it('include a last one without its line end, and empty ones', () => {
    expect(split([Buffer.from('a\n\nb')]).lines).toEqual(['a', '', 'b']);
    expect(split([Buffer.from('')]).lines).toEqual([]);
  });

  it('are cut at the bound and counted, between characters', () => {
    const { lines, counts } = split([Buffer.from(`${'ä'.repeat(600)}\nshort\n`)], 999);
    expect(lines.map((line) => line.length)).toEqual([499, 5]);
    expect(lines[0]).not.toContain('\ufffd');
    expect(counts).toMatchObject({ lines: 2, truncated: 1, invalidUtf8: 0 });
  });

  it('cost no more than the bound, even one of 50 MB', () => {
    const chunk = Buffer.alloc(65_536, 0x61);
    let length = 0;
    const splitter = new LineSplitter({ maxLineBytes: 1_048_576, onLine: (_, start, end) => (length = end - start) });
    splitter.push(Buffer.from('head '));
    const before = process.memoryUsage().arrayBuffers;
    for (let index = 0; index < 800; index += 1) splitter.push(chunk);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8_000_000);
    splitter.push(Buffer.from('\nnext\n'));
    expect(length).toBe(4);
    expect(splitter.counts).toMatchObject({ lines: 2, truncated: 1 });
  });

  it('with bytes that are no UTF-8 are counted and kept', () => {
    const { lines, counts } = split([Buffer.from('fine\nb'), Buffer.from([0xff, 0xfe, 0x0a]), Buffer.from('ok\n')]);
    expect(lines).toEqual(['fine', 'b\ufffd\ufffd', 'ok']);
    expect(counts.invalidUtf8).toBe(1);
    expect(split([Buffer.from([0x61, 0xc3, 0x0a, 0x62, 0x0a])]).counts.invalidUtf8).toBe(1);
  });

  it('with NUL bytes are skipped and counted', () => {
    const { lines, counts } = split([Buffer.from('a\nb\0c\nd\n')]);
    expect(lines).toEqual(['a', '', 'd']);
    expect(counts.binary).toBe(1);
  });
});
