import type { FileHandle } from 'node:fs/promises';

/** Thrown where the bytes say something that no good file says; the message is for the operator. */
export class GgufFault extends Error {
  override readonly name = 'GgufFault';
}

const CHUNK = 262_144;

/** Reads a file from its beginning, in order, never past a limit: what a header claims costs no memory. */
export class ByteReader {
  readonly #file: Pick<FileHandle, 'read'>;
  readonly #size: number;
  readonly #limit: number;
  #chunk = Buffer.alloc(0);
  #chunkStart = 0;
  #position = 0;

  constructor(options: { readonly file: Pick<FileHandle, 'read'>; readonly size: number; readonly limit: number }) {
    this.#file = options.file;
    this.#size = options.size;
    this.#limit = Math.min(options.size, options.limit);
  }

  get position(): number {
    return this.#position;
  }

  async bytes(length: number): Promise<Buffer> {
    this.#demand(length);
    const end = this.#position + length;
    if (this.#position < this.#chunkStart || end > this.#chunkStart + this.#chunk.length) await this.#fill(length);
    const start = this.#position - this.#chunkStart;
    if (this.#chunk.length - start < length) throw this.#cut();
    this.#position = end;
    return this.#chunk.subarray(start, start + length);
  }

  skip(length: number): void {
    this.#demand(length);
    this.#position += length;
  }

  async u32(): Promise<number> {
    return (await this.bytes(4)).readUInt32LE();
  }

  /** A count or size: beyond 2^53 nothing is believed. */
  async u64(): Promise<number> {
    const value = (await this.bytes(8)).readBigUInt64LE();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new GgufFault('a size in its header is beyond all bounds');
    return Number(value);
  }

  async text(limit: number): Promise<string> {
    const length = await this.u64();
    if (length > limit) throw new GgufFault(`a text in its header has ${length} bytes`);
    return (await this.bytes(length)).toString('utf8');
  }

  #demand(length: number): void {
    const end = this.#position + length;
    if (end > this.#size) throw this.#cut();
    if (end > this.#limit) throw new GgufFault(`its header is longer than ${this.#limit} bytes`);
  }

  #cut(): GgufFault {
    return new GgufFault(`it is truncated: its header goes on behind the last of its ${this.#size} bytes`);
  }

  async #fill(length: number): Promise<void> {
    const chunk = Buffer.alloc(Math.max(length, Math.min(CHUNK, this.#size - this.#position)));
    let filled = 0;
    while (filled < chunk.length) {
      const { bytesRead } = await this.#file.read(chunk, filled, chunk.length - filled, this.#position + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    this.#chunk = chunk.subarray(0, filled);
    this.#chunkStart = this.#position;
  }
}
