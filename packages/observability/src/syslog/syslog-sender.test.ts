import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { createSyslogSender, type SyslogSender } from './syslog-sender.js';

let folder: string;
let server: Server | undefined;
let sender: SyslogSender | undefined;
let errors: Error[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'moltbot-sender-'));
  errors = [];
});

afterEach(async () => {
  sender?.destroy();
  server?.close();
  sender = undefined;
  server = undefined;
  await rm(folder, { recursive: true, force: true });
});

const told = {
  maxBytes: 100_000,
  onDrop: () => {},
  onTook: () => {},
  onLost: (error: Error) => errors.push(error),
  onBack: () => {},
};

const message = (text: string) => ({ text, bytes: Buffer.byteLength(text) });

describe('what carries syslog messages', () => {
  it('counts the octets of each over a stream, a Unix socket too', async () => {
    let text = '';
    server = createServer((socket) => {
      socket.setEncoding('utf8').on('data', (part: string) => (text += part));
    });
    const path = join(folder, 'log');
    server.listen(path);
    await once(server, 'listening');
    sender = createSyslogSender({ ...told, address: { transport: 'unix', path } });
    sender.send(message('größe\nzwei'));
    sender.send(message('x'));
    await sender.flush();
    expect(text).toBe('12 größe\nzwei1 x');
    expect(errors).toEqual([]);
  });

  it('takes certificates that cannot be read for a server that is away', async () => {
    sender = createSyslogSender({
      ...told,
      address: { transport: 'tls', host: '127.0.0.1', port: 1 },
      tls: { caFile: join(folder, 'none.pem') },
    });
    sender.send(message('x'));
    while (errors.length === 0) await wait(5);
    expect(errors[0]?.message).toContain('none.pem');
    expect(sender.destroy()).toBe(1);
  });

  it('has no connection and asks for none while there is nothing to say', async () => {
    let connections = 0;
    server = createServer(() => (connections += 1));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    sender = createSyslogSender({ ...told, address: { transport: 'tcp', host: '127.0.0.1', port } });
    await wait(50);
    await sender.flush();
    expect(connections).toBe(0);
  });
});
