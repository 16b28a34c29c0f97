import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { LogInputError } from '../log-input-error.js';
import { type InputLimits, newInputFacts, openInput } from './open-input.js';

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(bytes: Uint8Array, size = 1_000, limits?: InputLimits) {
  const facts = newInputFacts();
  const chunks: Uint8Array[] = [];
  let error: unknown;
  try {
    const input = openInput({ source: inPieces(bytes, size), facts, ...(limits === undefined ? {} : { limits }) });
    for await (const chunk of input) chunks.push(chunk);
  } catch (thrown) {
    error = thrown;
  }
  return { text: Buffer.concat(chunks).toString('utf8'), facts, error };
}

const TEXT = 'first line\nzweite Zeile ü\n'.repeat(500);

describe('an input', () => {
  it.each([1, 3, 1_000, 100_000])('is unpacked and decoded, in pieces of %d bytes', async (size) => {
    const plain = Buffer.from(TEXT.slice(0, 2_000));
    for (const [bytes, compression] of [
      [plain, 'none'],
      [gzipSync(plain), 'gzip'],
      [zstdCompressSync(plain), 'zstd'],
    ] as const) {
      const { text, facts, error } = await read(bytes, size);
      expect(error).toBeUndefined();
      expect(text).toBe(plain.toString());
      expect(facts).toMatchObject({ compression, encoding: 'utf-8', bytesIn: bytes.length, bytesOut: plain.length });
    }
  });

  it('of several gzip members is read to the end of the last', async () => {
    const { text } = await read(Buffer.concat([gzipSync('one\n'), gzipSync('two\n')]));
    expect(text).toBe('one\ntwo\n');
  });

  it('in UTF-16 is told by its byte order mark', async () => {
    const little = Buffer.from(`\ufeff${TEXT}`, 'utf16le');
    const big = Buffer.from(little).swap16();
    for (const [bytes, encoding] of [
      [little, 'utf-16le'],
      [big, 'utf-16be'],
      [gzipSync(little), 'utf-16le'],
    ] as const) {
      const { text, facts } = await read(bytes, 777);
      expect(text).toBe(TEXT);
      expect(facts.encoding).toBe(encoding);
    }
    expect((await read(Buffer.from('\ufeffabc'))).text).toBe('abc');
  });

  it('that is binary is refused, packed or not', async () => {
    const binary = Buffer.from(Array.from({ length: 5_000 }, (_, index) => (index * 7) % 256));
    for (const bytes of [binary, gzipSync(binary), Buffer.alloc(100, 2)]) {
      expect((await read(bytes)).error).toMatchObject({ name: 'LogInputError', code: 'binary' });
    }
    const colours = '\u001b[32minfo\u001b[39m started\n'.repeat(50);
    expect((await read(Buffer.from(colours))).text).toBe(colours);
  });

  it('that unpacks to far too much is a bomb, and is left at once', async () => {
    const limits = { maxBytes: 1e12, maxRatio: 100, ratioFreeBytes: 1_000_000 };
    for (const bomb of [gzipSync(Buffer.alloc(50_000_000, 0x61)), zstdCompressSync(Buffer.alloc(50_000_000, 0x61))]) {
      const { error, facts } = await read(bomb, 512, limits);
      expect(error).toMatchObject({ code: 'bomb' });
      expect(facts.bytesOut).toBeLessThan(10_000_000);
    }
  });

  it('over the size limit ends with its error', async () => {
    const limits = { maxBytes: 5_000, maxRatio: 1e9, ratioFreeBytes: 1e9 };
    for (const bytes of [Buffer.from(TEXT), gzipSync(TEXT)]) {
      expect((await read(bytes, 1_000, limits)).error).toMatchObject({ code: 'too_large' });
    }
  });

  it('that is cut off or garbled gives what came before, then its error', async () => {
    const noise = Array.from({ length: 30_000 }, (_, index) => `line ${(index * 2_654_435_761) % 4_294_967_296}`).join(
      '\n',
    );
    const packed = gzipSync(noise);
    const cut = await read(packed.subarray(0, packed.length - 4_000));
    expect(cut.error).toMatchObject({ code: 'damaged' });
    expect(cut.text.length).toBeGreaterThan(10_000);
    const garbled = Buffer.from(packed);
    garbled.fill(0xff, 40_000, 41_000);
    expect((await read(garbled)).error).toBeInstanceOf(LogInputError);
    expect((await read(Buffer.from([0x1f, 0x8b, 0, 0]))).error).toMatchObject({ code: 'damaged' });
  });

  it('that is empty is empty', async () => {
    expect(await read(Buffer.alloc(0))).toMatchObject({ text: '', error: undefined });
  });

  it('whose source fails is not mistaken for a damaged one', async () => {
    const failing = (async function* () {
      yield Buffer.from('plain text\n');
      throw new Error('connection lost');
    })();
    const facts = newInputFacts();
    await expect(
      (async () => {
        for await (const _ of openInput({ source: failing, facts }));
      })(),
    ).rejects.toThrow('connection lost');
  });
});
