import { readFile } from 'node:fs/promises';
import { connect, isIP } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { DatagramSender } from './datagram-sender.js';
import type { Frame } from './frame-queue.js';
import { type SenderOptions, StreamSender, type StreamTiming } from './stream-sender.js';
import type { SyslogAddress } from './syslog-address.js';

/** Certificates, as paths of PEM files; read for each connection, so that renewed ones are used without a restart. */
export interface SyslogTls {
  /** Authorities to trust instead of the system's. */
  readonly caFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
  /** The name its certificate must have, where it is not the host's. */
  readonly serverName?: string | undefined;
}

export interface SyslogSender {
  send(message: Frame): void;
  flush(): Promise<void>;
  /** @returns how many messages never left */
  destroy(): number;
}

/** What carries messages to the server: datagrams, or a stream with octet counting (RFC 6587, 3.4.1; RFC 5425, 4.3). */
export function createSyslogSender(
  options: SenderOptions & {
    readonly address: SyslogAddress;
    readonly tls?: SyslogTls | undefined;
    readonly timing?: Partial<StreamTiming> | undefined;
  },
): SyslogSender {
  const { address, tls = {} } = options;
  if (address.transport === 'udp') return new DatagramSender({ ...options, host: address.host, port: address.port });
  const sender = new StreamSender({ ...options, connect: async () => openSocket(address, tls) });
  return {
    send: ({ text, bytes }) => {
      const count = `${bytes} `;
      sender.send({ text: count + text, bytes: bytes + count.length });
    },
    flush: async () => sender.flush(),
    destroy: () => sender.destroy(),
  };
}

type Opened = Awaited<ReturnType<ConstructorParameters<typeof StreamSender>[0]['connect']>>;

/** Half-open: the server's end of the stream is told apart from ours. */
async function openSocket(address: Exclude<SyslogAddress, { transport: 'udp' }>, tls: SyslogTls): Promise<Opened> {
  if (address.transport === 'unix') {
    return { socket: connect({ path: address.path, allowHalfOpen: true }), readyEvent: 'connect' };
  }
  const { host, port, transport } = address;
  if (transport === 'tcp') {
    return {
      socket: connect({ host, port, allowHalfOpen: true, noDelay: true, keepAlive: true }),
      readyEvent: 'connect',
    };
  }
  const [ca, cert, key] = await Promise.all([tls.caFile, tls.certFile, tls.keyFile ?? tls.certFile].map(readPem));
  const name = tls.serverName ?? (isIP(host) === 0 ? host : undefined);
  const options: ConnectionOptions & { readonly allowHalfOpen: true } = {
    host,
    port,
    allowHalfOpen: true,
    minVersion: 'TLSv1.2',
    ...(name !== undefined && { servername: name }),
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  };
  const socket = connectTls(options);
  socket.setKeepAlive(true);
  socket.setNoDelay(true);
  return { socket, readyEvent: 'secureConnect' };
}

async function readPem(path: string | undefined): Promise<Buffer | undefined> {
  return path === undefined ? undefined : readFile(path);
}
