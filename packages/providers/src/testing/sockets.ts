import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server as TcpServer, type Socket } from 'node:net';
import { createNetwork, type NetworkOptions } from '@moltbot/network';
import type { UpstreamClient, UpstreamResponse } from '../http/upstream.js';
import { createUpstreamClient } from '../http/upstream-client.js';

/** Servers on this machine and clients of them, closed together. */
export interface Sockets {
  readonly serve: (listener: RequestListener) => Promise<{ readonly url: string; readonly server: Server }>;
  /** A server that speaks raw bytes: `onSocket` gets each connection. */
  readonly serveRaw: (onSocket: (socket: Socket, index: number) => void) => Promise<string>;
  readonly client: (options?: NetworkOptions) => UpstreamClient;
  readonly close: () => Promise<void>;
}

const PATH = '/v1/chat/completions';

export function createSockets(): Sockets {
  const closers: (() => Promise<void>)[] = [];

  async function listen(server: Server | TcpServer): Promise<number> {
    const sockets = new Set<Socket>();
    server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      socket.on('error', () => {});
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    closers.push(async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    });
    return (server.address() as AddressInfo).port;
  }

  return {
    async serve(listener) {
      const server = createServer(listener);
      return { url: `http://127.0.0.1:${await listen(server)}${PATH}`, server };
    },
    async serveRaw(onSocket) {
      let count = 0;
      const port = await listen(
        createTcpServer((socket) => {
          onSocket(socket, count);
          count += 1;
        }),
      );
      return `http://127.0.0.1:${port}${PATH}`;
    },
    client(options = {}) {
      const created = createUpstreamClient({ network: createNetwork({ maxConnections: 16, ...options }) });
      closers.push(() => created.close());
      return created;
    },
    async close() {
      for (const closer of closers.splice(0).toReversed()) await closer();
    },
  };
}

export interface Ask {
  readonly url: string;
  readonly body?: string;
  readonly headers?: Record<string, string>;
  readonly connectTimeoutMs?: number;
  readonly headersTimeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** A POST with limits that are long for a test. */
export function post(upstream: UpstreamClient, { url, body = '{}', ...options }: Ask): Promise<UpstreamResponse> {
  return upstream.post({
    url,
    headers: {},
    body: Buffer.from(body),
    connectTimeoutMs: 2_000,
    headersTimeoutMs: 2_000,
    signal: new AbortController().signal,
    ...options,
  });
}

export const WHOLE = { limit: 1_000_000, timeoutMs: 2_000 } as const;

export async function readAll(response: UpstreamResponse): Promise<string> {
  const pieces: Buffer[] = [];
  for (;;) {
    const piece = await response.next();
    if (piece === undefined) return Buffer.concat(pieces).toString();
    pieces.push(piece);
  }
}
