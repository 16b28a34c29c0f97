import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { testGguf } from '../testing/write-test-gguf.js';
import { GgufFault } from './byte-reader.js';
import { estimateMemory } from './estimate-memory.js';
import { readGgufHeader } from './read-gguf-header.js';

const good = testGguf();
let folder: string;
const written = async (bytes: Uint8Array): Promise<string> => {
  const file = join(folder, 'model.gguf');
  await writeFile(file, bytes);
  return file;
};
const changed = (offset: number, change: (bytes: Buffer) => void): Buffer => {
  const copy = Buffer.from(good);
  change(copy.subarray(offset));
  return copy;
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'moltbot-gguf-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

describe('the header of a model file', () => {
  it('says what the model is and how much memory it will take', async () => {
    const header = await readGgufHeader(await written(good));
    expect(header).toMatchObject({ version: 3, architecture: 'llama', fileSize: good.length, tensors: 12 });
    expect(header.metadata.get('llama.context_length')).toBe(2_048);
    expect(header.metadata.get('tokenizer.ggml.tokens')).toBeUndefined();
    const small = estimateMemory(header, { context: 1_000, parallel: 1 });
    // One layer, one head of 64 values, keys and values of 2 bytes each.
    expect(estimateMemory(header, { context: 2_000, parallel: 2 }) - small).toBe(3_000 * 64 * 2 * 2);
  });

  it.each([
    [
      'another kind of file',
      Buffer.from('PK\u0003\u0004 and so on, long enough to be read'),
      'does not begin with GGUF',
    ],
    ['an empty file', Buffer.alloc(0), 'it has 0 bytes'],
    ['a version to come', changed(4, (bytes) => bytes.writeUInt32LE(9)), 'version 9'],
    ['a file of another byte order', changed(4, (bytes) => bytes.writeUInt32BE(3)), 'little-endian'],
    ['as many tensors as 64 bits can say', changed(8, (bytes) => bytes.fill(255, 0, 8)), 'beyond all bounds'],
    ['a file without tensors', changed(8, (bytes) => bytes.writeBigUInt64LE(0n)), 'no tensors'],
    ['a million tensors', changed(8, (bytes) => bytes.writeBigUInt64LE(1_000_000n)), '1000000 tensors'],
    ['a million entries', changed(16, (bytes) => bytes.writeBigUInt64LE(1_000_000n)), '1000000 entries'],
    ['a key of a gigabyte', changed(24, (bytes) => bytes.writeBigUInt64LE(1_000_000_000n)), 'bytes'],
    ['a file that ends in its header', good.subarray(0, 5_000), 'truncated'],
    ['a file without its last byte', good.subarray(0, good.length - 1), 'truncated'],
    ['half a file', good.subarray(0, good.length / 2), `truncated: it has ${good.length / 2} bytes of ${good.length}`],
  ])('refuses %s', async (_name, bytes, message) => {
    const refusal = readGgufHeader(await written(bytes));
    await expect(refusal).rejects.toThrow(GgufFault);
    await expect(refusal).rejects.toThrow(message);
  });

  it('is read or refused in little time and memory, whatever its bytes are', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.integer({ min: 4, max: 14_000 }), fc.integer({ min: 0, max: 255 })), { maxLength: 20 }),
        async (changes) => {
          const bytes = Buffer.from(good.subarray(0, 20_000));
          for (const [offset, value] of changes) bytes[offset] = value;
          await expect(readGgufHeader(await written(bytes))).rejects.toThrow(GgufFault);
        },
      ),
      { numRuns: 50 },
    );
  });
});
