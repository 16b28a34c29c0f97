import type { Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';
import { ProviderError } from '../failure.js';
import { tooLarge } from './exchange.js';
import type { UpstreamResponse } from './upstream.js';

const DECODERS: Readonly<Record<string, () => Transform>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
};

/** The response itself, or, where the server compressed it though we asked for none, one that reads decoded bytes. */
export function decodeResponse(response: UpstreamResponse): UpstreamResponse {
  const encoding = response.headers['content-encoding'];
  if (encoding === undefined || encoding === '' || encoding === 'identity') return response;
  const createDecoder = typeof encoding === 'string' ? DECODERS[encoding.trim().toLowerCase()] : undefined;
  return createDecoder === undefined
    ? new UnreadableResponse(response)
    : new DecodedResponse(response, createDecoder());
}

/** Decodes piece by piece; what is held stays bounded by the decoder's own buffers, however small the compressed body. */
class DecodedResponse implements UpstreamResponse {
  readonly status: number;
  readonly headers: UpstreamResponse['headers'];
  readonly #response: UpstreamResponse;
  readonly #decoder: Transform;
  readonly #decoded: AsyncIterator<Buffer>;

  constructor(response: UpstreamResponse, decoder: Transform) {
    this.status = response.status;
    const { 'content-encoding': _encoding, 'content-length': _length, ...headers } = response.headers;
    this.headers = headers;
    this.#response = response;
    this.#decoder = decoder;
    this.#decoded = (decoder as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
    void this.#feed();
  }

  async next(): Promise<Buffer | undefined> {
    try {
      const step = await this.#decoded.next();
      return step.done === true ? undefined : step.value;
    } catch (error) {
      this.#response.cancel();
      if (error instanceof ProviderError) throw error;
      throw new ProviderError('stream-malformed', 'The compressed response can not be decoded.', { cause: error });
    }
  }

  async whole(options: { readonly limit: number; readonly timeoutMs: number }): Promise<Buffer> {
    const pieces: Buffer[] = [];
    let length = 0;
    const late = new ProviderError('response-timeout', 'The whole answer did not come in time.');
    const timer = setTimeout(() => this.#stop(late), options.timeoutMs);
    try {
      for (;;) {
        const piece = await this.next();
        if (piece === undefined) return Buffer.concat(pieces, length);
        length += piece.length;
        if (length > options.limit) throw tooLarge(options.limit);
        pieces.push(piece);
      }
    } catch (error) {
      this.cancel();
      if (error instanceof ProviderError && error.kind === 'stream-malformed') {
        throw new ProviderError('not-an-answer', error.message, { cause: error.cause });
      }
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  cancel(): void {
    this.#stop(new ProviderError('cancelled', 'The request was cancelled.'));
  }

  #stop(error: ProviderError): void {
    this.#response.cancel();
    this.#decoder.destroy(error);
  }

  async #feed(): Promise<void> {
    const decoder = this.#decoder;
    // A failure reaches the reader through the iterator.
    decoder.on('error', () => {});
    try {
      for (;;) {
        const piece = await this.#response.next();
        if (decoder.destroyed) return;
        if (piece === undefined) break;
        if (!decoder.write(piece)) await drained(decoder);
      }
      decoder.end();
    } catch (error) {
      decoder.destroy(error instanceof Error ? error : undefined);
    }
  }
}

function drained(decoder: Transform): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      decoder.off('drain', done);
      decoder.off('close', done);
      resolve();
    };
    decoder.on('drain', done);
    decoder.on('close', done);
  });
}

/** A body in an encoding that we have no decoder for. */
class UnreadableResponse implements UpstreamResponse {
  readonly status: number;
  readonly headers: UpstreamResponse['headers'];
  readonly #response: UpstreamResponse;

  constructor(response: UpstreamResponse) {
    this.status = response.status;
    this.headers = response.headers;
    this.#response = response;
  }

  next(): never {
    this.#response.cancel();
    throw new ProviderError('not-an-answer', 'The response has a content encoding that was not asked for.');
  }

  /** An error's status says enough without its body. */
  async whole(): Promise<Buffer> {
    if (this.status < 300) this.next();
    this.#response.cancel();
    return Buffer.alloc(0);
  }

  cancel(): void {
    this.#response.cancel();
  }
}
