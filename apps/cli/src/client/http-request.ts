import { request as requestHttp, type IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import { Readable } from 'node:stream';

/** An answer whose headers are there. */
export interface HttpAnswer {
  readonly status: number;
  header(name: string): string | undefined;
  /** After the end of the body. */
  trailer(name: string): string | undefined;
  readonly body: AsyncIterable<Buffer>;
  /** @throws where the body is larger than `limit` bytes or breaks off */
  text(limit: number): Promise<string>;
}

export interface HttpRequestOptions {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON by POST; without it a GET. */
  readonly body?: unknown;
  /** Sent by POST as it comes, instead of a body. */
  readonly stream?: RequestStream | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface RequestStream {
  /** Content type. */
  readonly type: string;
  /** Bytes of all pieces together. */
  readonly length: number;
  readonly pieces: AsyncIterable<Buffer>;
}

/** One request on a connection of its own, without a time limit but the signal's. Rejects with the system's error. */
export async function sendHttpRequest(options: HttpRequestOptions): Promise<HttpAnswer> {
  const { url, headers = {}, body, stream, signal } = options;
  const send = url.startsWith('https:') ? requestHttps : requestHttp;
  const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = send(url, {
      method: bytes === undefined && stream === undefined ? 'GET' : 'POST',
      headers: {
        // Trailers: what is known of a stream only at its end.
        te: 'trailers',
        connection: 'close, te',
        ...(bytes === undefined ? {} : { 'content-type': 'application/json', 'content-length': bytes.length }),
        ...(stream === undefined ? {} : { 'content-type': stream.type, 'content-length': stream.length }),
        ...headers,
      },
      agent: false,
      ...(signal === undefined ? {} : { signal }),
    });
    request.once('response', resolve);
    request.once('error', reject);
    if (stream === undefined) request.end(bytes);
    else {
      const source = Readable.from(stream.pieces, { objectMode: false });
      source.once('error', (error) => request.destroy(error));
      // An answer that comes before all is sent is a refusal: the rest is not sent.
      request.once('response', () => source.destroy());
      source.pipe(request);
    }
  });
  return {
    status: response.statusCode ?? 0,
    header: (name) => first(response.headers[name]),
    trailer: (name) => response.trailers[name],
    body: response,
    async text(limit) {
      const pieces: Buffer[] = [];
      let size = 0;
      for await (const piece of response as AsyncIterable<Buffer>) {
        size += piece.length;
        if (size > limit) throw new Error(`more than ${limit} bytes`);
        pieces.push(piece);
      }
      return Buffer.concat(pieces).toString('utf8');
    },
  };
}

function first(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
