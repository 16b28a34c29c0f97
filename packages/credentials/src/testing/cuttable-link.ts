import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** A way to a server on 127.0.0.1 that can be cut as networks are. */
export interface CuttableLink {
  readonly port: number;
  /** Nobody listens any more, and every connection is closed. */
  refuse(): Promise<void>;
  /** Connections stay open, and nothing comes through: neither on those there are, for ever, nor on new ones. */
  silence(): void;
  /** New connections come through again. */
  mend(): Promise<void>;
  close(): Promise<void>;
}

/** @param target a port of 127.0.0.1, or the path of a socket */
export async function openLink(target: number | string): Promise<CuttableLink> {
  let server: Server | undefined;
  let silent = false;
  let port = 0;
  const sockets = new Set<Socket>();

  function accept(near: Socket): void {
    track(near);
    if (silent) return;
    const far = typeof target === 'number' ? connect(target, '127.0.0.1') : connect(target);
    track(far);
    near.pipe(far).pipe(near);
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
  }

  function track(socket: Socket): void {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  }

  async function listen(): Promise<void> {
    if (server !== undefined) return;
    server = createServer(accept).listen(port, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
  }

  async function refuse(): Promise<void> {
    if (server === undefined) return;
    const closed = once(server, 'close');
    server.close();
    server = undefined;
    for (const socket of sockets) socket.destroy();
    await closed;
  }

  await listen();
  return {
    port,
    refuse,
    silence() {
      silent = true;
      for (const socket of sockets) socket.unpipe().pause();
    },
    async mend() {
      silent = false;
      await listen();
    },
    close: refuse,
  };
}
