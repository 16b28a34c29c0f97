import { expect, it } from '@jest/globals';
import { openQueues } from '../src/index.js';
import { describeQueues } from './queue-conformance.js';
import { startAnyRedis } from './redis-server.js';

describeQueues('Redis', startAnyRedis, (server) => {
  it('start no worker any more when they are closed meanwhile', async () => {
    const before = await server().connections();
    const queues = openQueues({ connection: server().connection, onError: () => {} });
    await queues.ready();
    const refused = expect(queues.createWorker(async () => ({}), { concurrency: 1 })).rejects.toMatchObject({
      code: 'queue_unavailable',
    });
    await queues.close();
    expect(await server().connections()).toBe(before);
    await refused;
  });

  it('open no connection any more when they are closed before the first', async () => {
    const before = await server().connections();
    const queues = openQueues({ connection: server().connection, onError: () => {} });
    const refused = expect(queues.enqueue('warmup', {})).rejects.toMatchObject({ code: 'queue_unavailable' });
    await queues.close();
    await refused;
    expect(await server().connections()).toBe(before);
  });
});
