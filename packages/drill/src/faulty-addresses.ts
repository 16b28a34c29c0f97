import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

/** Addresses at which no connection comes about. */
export type FaultyAddress =
  /** Nobody listens there. */
  | 'refused'
  /** A name that no resolver may answer. */
  | 'unknown-name'
  /** Something that does not speak TLS. */
  | 'no-tls'
  /** Takes the connection and says nothing, not even in TLS. */
  | 'silent';

export interface FaultyAddresses {
  readonly urlOf: (address: FaultyAddress) => string;
  readonly close: () => Promise<void>;
}

/** A label longer than any (RFC 1035, 63): resolvers refuse it themselves, nothing leaves the machine. */
const UNKNOWN_NAME = `drill-${'x'.repeat(64)}.invalid`;

/** Opens what is needed for them on 127.0.0.1. */
export async function openFaultyAddresses(): Promise<FaultyAddresses> {
  const sockets = new Set<Socket>();
  const silent = await listen((socket) => keep(socket, sockets));
  const noTls = await listen((socket) => {
    keep(socket, sockets);
    socket.on('data', () => socket.end('HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n'));
  });
  // Free a moment ago: so that nobody else's server is called.
  const gone = await listen((socket) => socket.destroy());
  const refusedPort = portOf(gone);
  await closed(gone);
  const urls: Readonly<Record<FaultyAddress, string>> = {
    refused: `http://127.0.0.1:${refusedPort}/v1`,
    'unknown-name': `http://${UNKNOWN_NAME}/v1`,
    'no-tls': `https://127.0.0.1:${portOf(noTls)}/v1`,
    silent: `https://127.0.0.1:${portOf(silent)}/v1`,
  };
  return {
    urlOf: (address) => urls[address],
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await Promise.all([closed(silent), closed(noTls)]);
    },
  };
}

/** Whether a drill may call it: everything of it stays on this machine. */
export function isDrillAddress(url: string): boolean {
  const { hostname } = new URL(url);
  return hostname === '127.0.0.1' || hostname === UNKNOWN_NAME;
}

async function listen(onConnection: (socket: Socket) => void): Promise<Server> {
  const server = createServer(onConnection);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function keep(socket: Socket, sockets: Set<Socket>): void {
  sockets.add(socket);
  socket.on('error', () => socket.destroy());
  socket.on('close', () => sockets.delete(socket));
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

async function closed(server: Server): Promise<void> {
  const over = once(server, 'close');
  server.close();
  await over;
}
