import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import type { Storage } from '@moltbot/storage';

/** A port on loopback that leads to the embedded database, and can be shut: an outage. */
export async function startDatabaseDoor(storage: Storage) {
  const { connection } = storage;
  if ('url' in connection) throw new Error('expected the embedded database');
  const { host, port, user, database } = connection;
  const sockets = new Set<Socket>();
  const server: Server = createServer((inner) => {
    const outer = host.startsWith('/') ? connect(`${host}/.s.PGSQL.${port}`) : connect({ host, port });
    for (const socket of [inner, outer]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        inner.destroy();
        outer.destroy();
      });
    }
    inner.pipe(outer).pipe(inner);
  });
  const start = async (at: number): Promise<number> => {
    server.listen(at, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  };
  const own = await start(0);
  return {
    url: `postgres://${user}@127.0.0.1:${own}/${database}`,
    start: () => start(own),
    stop() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
