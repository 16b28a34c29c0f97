import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { DatagramSender } from './datagram-sender.js';

let receiver: Socket;
let received: string[];
let dropped: number;
let events: string[];
let senders: DatagramSender[];

beforeEach(async () => {
  received = [];
  events = [];
  senders = [];
  dropped = 0;
  receiver = createSocket('udp4');
  receiver.on('message', (message) => received.push(message.toString()));
  receiver.bind(0, '127.0.0.1');
  await once(receiver, 'listening');
});

afterEach(() => {
  for (const sender of senders) sender.destroy();
  receiver.close();
});

function openSender(options: { host?: string; port?: number; maxBytes?: number } = {}): DatagramSender {
  const sender = new DatagramSender({
    host: '127.0.0.1',
    port: receiver.address().port,
    maxBytes: 100_000,
    onDrop: (count) => (dropped += count),
    onTook: () => {},
    onLost: () => events.push('lost'),
    onBack: () => events.push('back'),
    ...options,
  });
  senders.push(sender);
  return sender;
}

const frame = (text: string) => ({ text, bytes: Buffer.byteLength(text) });

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`never came about; events: ${events.join(' ')}`);
    await wait(5);
  }
}

describe('sending by datagrams', () => {
  it('sends each frame as one datagram, those before the address was known too', async () => {
    const sender = openSender({ host: 'localhost' });
    for (let index = 0; index < 20; index += 1) sender.send(frame(`größe ${index}`));
    await sender.flush();
    await until(() => received.length === 20);
    expect(received).toEqual(Array.from({ length: 20 }, (_, index) => `größe ${index}`));
    expect({ dropped, events }).toEqual({ dropped: 0, events: [] });
  });

  it('tells once that nobody listens, and goes on', async () => {
    const spare = createSocket('udp4');
    spare.bind(0, '127.0.0.1');
    await once(spare, 'listening');
    const { port } = spare.address();
    spare.close();
    const sender = openSender({ port });
    for (let index = 0; index < 10; index += 1) {
      sender.send(frame('x'));
      await wait(5);
    }
    await until(() => events.length > 0);
    const again = createSocket('udp4');
    again.bind(port, '127.0.0.1');
    await once(again, 'listening');
    const heard = once(again, 'message');
    sender.send(frame('heard'));
    sender.send(frame('heard'));
    await heard;
    again.close();
    expect(events).toEqual(['lost']);
  });

  it('drops and counts what is too long, and keeps its socket', async () => {
    const sender = openSender();
    sender.send(frame('x'.repeat(70_000)));
    sender.send(frame('short'));
    await until(() => received.length === 1);
    expect({ dropped, received }).toEqual({ dropped: 1, received: ['short'] });
  });

  it('keeps no more than its bound while a name cannot be found', async () => {
    const sender = openSender({ host: 'nobody.invalid', maxBytes: 1_000 });
    for (let index = 0; index < 30; index += 1) sender.send(frame('x'.repeat(100)));
    expect(dropped).toBe(20);
    await until(() => events.length > 0);
    expect(events).toEqual(['lost']);
    expect(sender.destroy()).toBe(10);
  });
});
