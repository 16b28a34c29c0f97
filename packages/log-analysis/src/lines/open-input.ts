import { createGunzip, createZstdDecompress, type Gunzip } from 'node:zlib';
import type { Transform } from 'node:stream';
import { TextDecoder } from 'node:util';
import { LogInputError } from '../log-input-error.js';

export interface InputLimits {
  /** Bytes after unpacking; more is `too_large`. */
  readonly maxBytes: number;
  /** Unpacked by packed bytes, looked at once `ratioFreeBytes` have come; more is a `bomb`. */
  readonly maxRatio: number;
  readonly ratioFreeBytes: number;
}

export const DEFAULT_INPUT_LIMITS: InputLimits = {
  maxBytes: 64 * 1024 ** 3,
  maxRatio: 400,
  ratioFreeBytes: 64 * 1024 ** 2,
};

export type InputEncoding = 'utf-8' | 'utf-16le' | 'utf-16be';
export type InputCompression = 'none' | 'gzip' | 'zstd';

export interface InputFacts {
  compression: InputCompression;
  encoding: InputEncoding;
  /** As they were read. */
  bytesIn: number;
  /** After unpacking. */
  bytesOut: number;
}

const HEAD_BYTES = 8_192;

/**
 * The bytes of a log, unpacked (gzip, zstd) and in UTF-8 (UTF-16 by its byte order mark). Throws LogInputError: `binary`,
 * `bomb`, `too_large`, `damaged`; what came before is given out first. `facts` are filled while it runs.
 */
export async function* openInput(options: {
  readonly source: AsyncIterable<Uint8Array>;
  readonly facts: InputFacts;
  readonly limits?: InputLimits;
}): AsyncGenerator<Uint8Array> {
  const { facts, limits = DEFAULT_INPUT_LIMITS } = options;
  const source = withHead(options.source, facts);
  const { value: head = new Uint8Array(0) } = await source.next();
  facts.compression = compressionOf(head);
  const whole = prepend(head, source);
  const unpacked = facts.compression === 'none' ? whole : unpack(whole, facts.compression, facts, limits);
  yield* decode(unpacked, facts, limits);
}

export const newInputFacts = (): InputFacts => ({ compression: 'none', encoding: 'utf-8', bytesIn: 0, bytesOut: 0 });

/** Counts, and gathers the first few bytes, so that what it is can be told from one piece. */
async function* withHead(source: AsyncIterable<Uint8Array>, facts: InputFacts): AsyncGenerator<Uint8Array> {
  let head: Uint8Array | undefined = new Uint8Array(0);
  for await (const chunk of source) {
    facts.bytesIn += chunk.length;
    if (head === undefined) yield chunk;
    else {
      head = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
      if (head.length < 4) continue;
      yield head;
      head = undefined;
    }
  }
  if (head !== undefined && head.length > 0) yield head;
}

async function* prepend(first: Uint8Array, rest: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (first.length > 0) yield first;
  yield* rest;
}

function compressionOf(head: Uint8Array): InputCompression {
  if (head[0] === 0x1f && head[1] === 0x8b) return 'gzip';
  if (head[0] === 0x28 && head[1] === 0xb5 && head[2] === 0x2f && head[3] === 0xfd) return 'zstd';
  return 'none';
}

async function* unpack(
  source: AsyncIterable<Uint8Array>,
  compression: Exclude<InputCompression, 'none'>,
  facts: InputFacts,
  limits: InputLimits,
): AsyncGenerator<Uint8Array> {
  const engine = newEngine(compression);
  const feeding = feed(source, engine);
  // Looked at below; a rejection meanwhile is not unhandled.
  feeding.catch(() => undefined);
  let out = 0;
  try {
    for await (const chunk of engine as AsyncIterable<Uint8Array>) {
      out += chunk.length;
      const packed = Math.max(1, (engine as unknown as Gunzip).bytesWritten);
      if (out > limits.ratioFreeBytes && out / packed > limits.maxRatio) {
        throw new LogInputError('bomb', `(${packed} bytes became more than ${out})`);
      }
      yield chunk;
    }
    await feeding;
  } catch (error) {
    if (error instanceof LogInputError) throw error;
    throw new LogInputError('damaged', `(${facts.compression})`, { cause: error });
  } finally {
    engine.destroy();
  }
}

function newEngine(compression: 'gzip' | 'zstd'): Transform {
  if (compression === 'gzip') return createGunzip({ chunkSize: 65_536 });
  // Node 22.15 brought zstd.
  if (typeof createZstdDecompress !== 'function') throw new LogInputError('unsupported', '(zstd needs Node 22.15)');
  return createZstdDecompress({ chunkSize: 65_536 });
}

async function feed(source: AsyncIterable<Uint8Array>, engine: Transform): Promise<void> {
  try {
    for await (const chunk of source) {
      if (engine.destroyed) return;
      if (!engine.write(chunk)) {
        await new Promise<void>((resolve) => {
          const done = (): void => {
            engine.off('drain', done);
            engine.off('close', done);
            resolve();
          };
          engine.on('drain', done);
          engine.on('close', done);
        });
      }
    }
    engine.end();
  } catch (error) {
    engine.destroy(error instanceof Error ? error : new Error(String(error)));
    throw error;
  }
}

async function* decode(
  source: AsyncIterable<Uint8Array>,
  facts: InputFacts,
  limits: InputLimits,
): AsyncGenerator<Uint8Array> {
  let decoder: TextDecoder | undefined;
  let first = true;
  for await (const chunk of source) {
    facts.bytesOut += chunk.length;
    if (facts.bytesOut > limits.maxBytes) throw new LogInputError('too_large', `(more than ${limits.maxBytes} bytes)`);
    let bytes = chunk;
    if (first) {
      first = false;
      facts.encoding = encodingOf(chunk);
      if (facts.encoding !== 'utf-8') decoder = new TextDecoder(facts.encoding);
      else if (chunk[0] === 0xef && chunk[1] === 0xbb && chunk[2] === 0xbf) bytes = chunk.subarray(3);
      if (decoder === undefined && isBinary(bytes.subarray(0, HEAD_BYTES))) throw new LogInputError('binary');
    }
    yield decoder === undefined ? bytes : Buffer.from(decoder.decode(bytes, { stream: true }));
  }
  const rest = decoder?.decode() ?? '';
  if (rest !== '') yield Buffer.from(rest);
}

function encodingOf(head: Uint8Array): InputEncoding {
  if (head[0] === 0xff && head[1] === 0xfe) return 'utf-16le';
  if (head[0] === 0xfe && head[1] === 0xff) return 'utf-16be';
  return 'utf-8';
}

/** NUL bytes, or more than a tenth control characters (escape sequences of colours are text). */
function isBinary(head: Uint8Array): boolean {
  let controls = 0;
  for (const byte of head) {
    if (byte === 0) return true;
    if (byte < 0x20 && byte !== 9 && byte !== 10 && byte !== 13 && byte !== 0x1b && byte !== 12) controls += 1;
  }
  return controls > head.length / 10;
}
