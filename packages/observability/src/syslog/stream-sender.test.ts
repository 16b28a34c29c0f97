import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { StreamSender, type StreamTiming } from './stream-sender.js';

/** A receiver that reads, or doesn't, and can be told to end its connections in any way. */
class Receiver {
  readonly sockets = new Set<Socket>();
  connections = 0;
  text = '';
  reads = true;
  closesAfterUs = true;
  #server: Server | undefined;
  port = 0;

  async start(): Promise<void> {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
      this.connections += 1;
      this.sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => this.sockets.delete(socket));
      socket.setEncoding('utf8');
      socket.on('end', () => {
        if (this.closesAfterUs) socket.end();
      });
      socket.on('data', (text: string) => {
        this.text += text;
      });
      if (this.reads) socket.resume();
      else socket.pause();
    });
    server.listen(this.port, '127.0.0.1');
    await once(server, 'listening');
    this.port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** As a process that is killed: whatever is unread is gone. */
  async kill(): Promise<void> {
    for (const socket of this.sockets) socket.resetAndDestroy();
    await this.stop();
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = once(server, 'close');
    server.close();
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  get lines(): readonly string[] {
    return this.text.split('\n').filter((line) => line !== '');
  }
}

let receiver: Receiver;
let senders: StreamSender[];
let events: string[];
let dropped: number;

beforeEach(async () => {
  receiver = new Receiver();
  await receiver.start();
  senders = [];
  events = [];
  dropped = 0;
});

afterEach(async () => {
  for (const sender of senders) sender.destroy();
  await receiver.stop();
});

function openSender(options: { maxBytes?: number; timing?: Partial<StreamTiming> } = {}): StreamSender {
  const sender = new StreamSender({
    connect: async () => ({
      socket: connect({ port: receiver.port, host: '127.0.0.1', allowHalfOpen: true }),
      readyEvent: 'connect',
    }),
    maxBytes: options.maxBytes ?? 1024 * 1024,
    timing: { firstBackoff: 10, maxBackoff: 50, ...options.timing },
    onDrop: (count) => (dropped += count),
    onTook: () => {},
    onLost: () => events.push('lost'),
    onBack: () => events.push('back'),
  });
  senders.push(sender);
  return sender;
}

function send(sender: StreamSender, from: number, to: number, padding = ''): void {
  for (let index = from; index < to; index += 1) {
    const text = `line ${index}${padding}\n`;
    sender.send({ text, bytes: text.length });
  }
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`never came about; events: ${events.join(' ')}`);
    await wait(5);
  }
}

const numbersOf = (lines: readonly string[]): number[] => lines.map((line) => Number(/^line (\d+)/.exec(line)?.[1]));
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

describe('sending over a stream', () => {
  it('delivers every frame in order, and ends when the receiver has read it all', async () => {
    const sender = openSender();
    send(sender, 0, 5_000);
    await sender.flush();
    expect(numbersOf(receiver.lines)).toEqual(upTo(5_000));
    expect({ connections: receiver.connections, dropped, events }).toEqual({ connections: 1, dropped: 0, events: [] });
  });

  it('waits for a receiver that is not there yet, and says once that it is away and once that it is back', async () => {
    const { port } = receiver;
    await receiver.stop();
    const sender = openSender();
    send(sender, 0, 100);
    await until(() => events.length > 0);
    await wait(100);
    receiver.port = port;
    await receiver.start();
    await sender.flush();
    expect(numbersOf(receiver.lines)).toEqual(upTo(100));
    expect(events).toEqual(['lost', 'back']);
  });

  it('loses nothing that a receiver had taken but not read when it was killed', async () => {
    receiver.reads = false;
    const sender = openSender();
    send(sender, 0, 1_000);
    await until(() => receiver.sockets.size === 1);
    await wait(50);
    expect(receiver.text).toBe('');
    await receiver.kill();
    receiver.reads = true;
    await receiver.start();
    send(sender, 1_000, 1_100);
    await sender.flush();
    expect(numbersOf(receiver.lines)).toEqual(upTo(1_100));
    expect(dropped).toBe(0);
  });

  it('loses nothing while the receiver is killed again and again in the middle', async () => {
    const sender = openSender();
    for (let round = 0; round < 5; round += 1) {
      for (let part = 0; part < 10; part += 1) {
        send(sender, round * 1_000 + part * 100, round * 1_000 + part * 100 + 100);
        await wait(3);
        if (part === 4) await receiver.kill();
        if (part === 7) await receiver.start();
      }
    }
    await sender.flush();
    const seen = new Set(numbersOf(receiver.lines.filter((line) => /^line \d+$/.test(line))));
    expect(upTo(5_000).filter((number) => !seen.has(number))).toEqual([]);
    expect(dropped).toBe(0);
  });

  it('asks for a receipt when it has nothing to say, and then sends nothing twice', async () => {
    const sender = openSender({ timing: { idle: 20 } });
    send(sender, 0, 100);
    await until(() => receiver.lines.length === 100 && receiver.sockets.size === 0);
    await receiver.kill();
    await receiver.start();
    send(sender, 100, 200);
    await sender.flush();
    expect(numbersOf(receiver.lines)).toEqual(upTo(200));
    expect(events).toEqual([]);
  });

  it('asks for a receipt now and then though it always has something to say', async () => {
    const sender = openSender({ timing: { idle: 60_000, receiptEvery: 60 } });
    for (let index = 0; receiver.connections < 4; index += 1) {
      send(sender, index, index + 1);
      await wait(5);
    }
    await sender.flush();
    expect(numbersOf(receiver.lines)).toEqual(upTo(receiver.lines.length));
  });

  it('goes on over a new connection when a receiver never closes, and believes that it has read what it took', async () => {
    receiver.closesAfterUs = false;
    const sender = openSender({ timing: { idle: 20, orderedFor: 20, confirmWithin: 100 } });
    send(sender, 0, 10);
    await until(() => receiver.lines.length === 10);
    await wait(60);
    send(sender, 10, 20);
    await until(() => receiver.lines.length === 20);
    await wait(300);
    expect(numbersOf(receiver.lines)).toEqual(upTo(20));
    expect(receiver.connections).toBe(2);
  });

  it('keeps no more than its bound while nobody reads, counts what it drops, and goes on when somebody does', async () => {
    receiver.reads = false;
    const sender = openSender({ maxBytes: 100_000 });
    const padding = 'x'.repeat(990);
    // Beyond what the kernel takes for a receiver that doesn't read.
    for (let part = 0; part < 200; part += 1) {
      send(sender, part * 100, part * 100 + 100, padding);
      await wait(1);
    }
    expect(dropped).toBeGreaterThan(1_000);
    const given = 20_000 - dropped;
    receiver.reads = true;
    for (const socket of receiver.sockets) socket.resume();
    await sender.flush();
    expect(receiver.lines).toHaveLength(given);
    expect(new Set(numbersOf(receiver.lines)).size).toBe(given);
  });

  it('takes a receiver that reads nothing for too long for lost, and what it had is sent again', async () => {
    receiver.reads = false;
    const sender = openSender({ maxBytes: 32 * 1024 * 1024, timing: { stall: 100 } });
    send(sender, 0, 16_000, 'x'.repeat(1_000));
    await until(() => events.includes('lost'));
    receiver.text = '';
    receiver.reads = true;
    await receiver.kill();
    await receiver.start();
    await sender.flush();
    const seen = new Set(numbersOf(receiver.lines));
    expect(upTo(16_000).filter((number) => !seen.has(number))).toEqual([]);
    expect(dropped).toBe(0);
  });

  it('tells what never left when it has to end, and takes nothing more', async () => {
    await receiver.stop();
    const sender = openSender();
    send(sender, 0, 7);
    await until(() => events.length > 0);
    expect(sender.destroy()).toBe(7);
    send(sender, 7, 8);
    expect(dropped).toBe(1);
  });
});
