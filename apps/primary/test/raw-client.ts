import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleepFor } from 'node:timers/promises';

export interface RawAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A connection whose bytes the test writes and reads itself. */
export interface RawClient {
  readonly socket: Socket;
  received(): string;
  /** Resolves with the milliseconds since the connection opened. @throws after `timeoutMs` (5 s) */
  closed(timeoutMs?: number): Promise<number>;
  /** Sends piece by piece until all is sent or the server closes. */
  drip(options: { readonly bytes: string; readonly everyMs: number }): Promise<void>;
}

export async function rawClient(url: string): Promise<RawClient> {
  const { port } = new URL(url);
  const socket = connect({ port: Number(port), host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
  const pieces: Buffer[] = [];
  socket.on('error', () => socket.destroy());
  socket.on('data', (piece: Buffer) => pieces.push(piece));
  await once(socket, 'connect');
  const openedAt = performance.now();
  const over = new AbortController();
  const ended = new Promise<number>((resolve) => {
    const settle = (): void => {
      over.abort();
      resolve(performance.now() - openedAt);
    };
    socket.once('end', settle);
    socket.once('close', settle);
  });
  return {
    socket,
    received: () => Buffer.concat(pieces).toString(),
    closed: (timeoutMs = 5_000) =>
      Promise.race([
        ended,
        sleepFor(timeoutMs, undefined, { ref: false }).then(() => {
          throw new Error(`the connection is still open after ${timeoutMs} ms`);
        }),
      ]).finally(() => socket.destroy()),
    async drip({ bytes, everyMs }) {
      for (const byte of bytes) {
        if (over.signal.aborted) return;
        socket.write(byte);
        await sleepFor(everyMs);
      }
    },
  };
}

/** One whole answer of a connection that is closed after it. */
export function parseAnswer(text: string): RawAnswer {
  const end = text.indexOf('\r\n\r\n');
  const [first = '', ...lines] = text.slice(0, end).split('\r\n');
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(first)?.[1]), headers, body: text.slice(end + 4) };
}

/** Sends these bytes, reads until the server closes. */
export async function sendRaw(url: string, bytes: string | Buffer): Promise<RawAnswer> {
  const client = await rawClient(url);
  client.socket.write(bytes);
  await client.closed();
  return parseAnswer(client.received());
}

/** The head of a JSON request; the caller adds its length and its body. */
export function postHead(door: string, ...lines: string[]): string {
  return [`POST ${door} HTTP/1.1`, 'host: 127.0.0.1', 'content-type: application/json', ...lines, '', ''].join('\r\n');
}
