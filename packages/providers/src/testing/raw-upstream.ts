import { EventEmitter } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { setTimeout as sleepFor } from 'node:timers/promises';

/** One thing that a raw upstream does on a connection. */
export type RawStep =
  | { readonly send: string | Buffer }
  | { readonly waitMs: number }
  /** Until the client has sent a whole request (more) of that connection: headers, and a body by `content-length`. */
  | { readonly wait: 'request' }
  /** `end`: FIN after all that was sent. `reset`: RST at once. */
  | { readonly close: 'end' | 'reset' };

export interface RawConnection {
  /** All that the client sent. */
  readonly received: Buffer;
  /** Monotonic milliseconds. */
  readonly openedAt: number;
  /** When the connection was over, whoever ended it. */
  readonly closedAt: number | undefined;
}

export interface RawUpstreamOptions {
  /** For every connection, or by its number. After the last step the connection stays open. */
  readonly steps: readonly RawStep[] | ((connection: number) => readonly RawStep[]);
}

export interface RawUpstream {
  readonly port: number;
  /** `http://127.0.0.1:PORT`; say `https:` to have a client begin TLS on the plain port. */
  readonly origin: string;
  readonly connections: readonly RawConnection[];
  /** Resolves when so many connections have been over. @throws after `timeoutMs` (5 s) */
  readonly waitForClosed: (count: number, timeoutMs?: number) => Promise<void>;
  readonly close: () => Promise<void>;
}

interface Connection {
  received: Buffer;
  readonly openedAt: number;
  closedAt: number | undefined;
}

/** A server below HTTP that sends exactly the bytes it is told, piece by piece. For tests. */
export async function startRawUpstream({ steps }: RawUpstreamOptions): Promise<RawUpstream> {
  const connections: Connection[] = [];
  const sockets = new Set<Socket>();
  const changes = new EventEmitter().setMaxListeners(0);
  const server = createServer({ noDelay: true }, (socket) => {
    const connection: Connection = { received: Buffer.alloc(0), openedAt: performance.now(), closedAt: undefined };
    const number = connections.push(connection) - 1;
    const over = new AbortController();
    sockets.add(socket);
    socket.on('data', (chunk: Buffer) => {
      connection.received = Buffer.concat([connection.received, chunk]);
      changes.emit('change');
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      connection.closedAt = performance.now();
      sockets.delete(socket);
      over.abort();
      changes.emit('change');
    });
    const list = typeof steps === 'function' ? steps(number) : steps;
    // An aborted step means that the connection is over: nobody waits for the rest.
    void takeSteps({ steps: list, socket, connection, changes, signal: over.signal }).catch(() => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    origin: `http://127.0.0.1:${port}`,
    connections,
    waitForClosed: async (count, timeoutMs = 5_000) => {
      const signal = AbortSignal.timeout(timeoutMs);
      const closed = () => connections.filter((connection) => connection.closedAt !== undefined).length;
      while (closed() < count) {
        await untilChange(changes, signal).catch(() => {
          throw new Error(`After ${timeoutMs} ms ${closed()} connections have been closed, not ${count}.`);
        });
      }
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** Bytes as steps of `size` bytes with a wait before each but the first. */
export function slowly(
  bytes: string | Buffer,
  options: { readonly size: number; readonly everyMs: number },
): RawStep[] {
  const all = Buffer.from(bytes);
  const steps: RawStep[] = [];
  for (let at = 0; at < all.length; at += options.size) {
    if (at > 0) steps.push({ waitMs: options.everyMs });
    steps.push({ send: all.subarray(at, at + options.size) });
  }
  return steps;
}

/** One chunk of a chunked body (RFC 9112, section 7.1). */
export function chunk(text: string): string {
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}

async function takeSteps(options: {
  readonly steps: readonly RawStep[];
  readonly socket: Socket;
  readonly connection: Connection;
  readonly changes: EventEmitter;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { changes, connection, signal, socket, steps } = options;
  let read = 0;
  for (const step of steps) {
    signal.throwIfAborted();
    if ('send' in step) await new Promise((resolve) => socket.write(step.send, resolve));
    else if ('waitMs' in step) await sleepFor(step.waitMs, undefined, { signal });
    else if ('close' in step) {
      if (step.close === 'reset') socket.resetAndDestroy();
      else socket.destroySoon();
      return;
    } else {
      let end = requestEnd(connection.received, read);
      while (end === undefined) {
        await untilChange(changes, signal);
        end = requestEnd(connection.received, read);
      }
      read = end;
    }
  }
}

/** Where the request that begins at `start` ends, once it is whole. */
function requestEnd(bytes: Buffer, start: number): number | undefined {
  const headersEnd = bytes.indexOf('\r\n\r\n', start);
  if (headersEnd === -1) return undefined;
  const head = bytes.toString('latin1', start, headersEnd);
  const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
  const end = headersEnd + 4 + length;
  return bytes.length >= end ? end : undefined;
}

function untilChange(changes: EventEmitter, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = () => {
      changes.off('change', settle);
      signal.removeEventListener('abort', settle);
      if (signal.aborted) reject(signal.reason as Error);
      else resolve();
    };
    changes.on('change', settle);
    signal.addEventListener('abort', settle);
    if (signal.aborted) settle();
  });
}
