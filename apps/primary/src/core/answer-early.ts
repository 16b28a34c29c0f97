import type { IncomingMessage, ServerResponse } from 'node:http';

/** How much of a refused body is read away, and for how long. */
const LINGER_BYTES = 64 * 1_024 * 1_024;
const LINGER_MS = 2_000;

/**
 * Answers a request whose body is still on its way. The answer goes out at once, but the connection is only closed when the
 * upload has ended or been long enough: a socket that is closed over unread bytes is reset, and the answer lost with it.
 */
export function answerEarly(options: {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly status: number;
  readonly headers: Readonly<Record<string, string | number | string[] | undefined>>;
  readonly body: string;
}): void {
  const { request, response, body } = options;
  for (const [name, value] of Object.entries(options.headers)) if (value !== undefined) response.setHeader(name, value);
  response.setHeader('connection', 'close');
  response.setHeader('content-length', Buffer.byteLength(body));
  response.writeHead(options.status);
  response.write(body);
  let taken = 0;
  const onData = (chunk: Buffer): void => {
    taken += chunk.length;
    if (taken > LINGER_BYTES) end();
  };
  const end = (): void => {
    clearTimeout(timer);
    request.off('data', onData);
    request.off('end', end);
    request.off('close', end);
    response.end();
  };
  const timer = setTimeout(end, LINGER_MS).unref();
  request.on('data', onData);
  request.once('end', end);
  request.once('close', end);
  request.resume();
}
