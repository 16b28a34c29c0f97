import { expect, it } from '@jest/globals';
import { openQueues } from '../src/index.js';
import { startPostgresServer } from './postgres-server.js';
import { describeQueues, eventually } from './queue-conformance.js';

describeQueues('PostgreSQL', startPostgresServer, (server) => {
  it('take options of the session from a URL beside its own', async () => {
    const { host, database, user } = server().connection as { host: string; database: string; user: string };
    const url = `postgres://${user}@localhost:5432/${database}?host=${encodeURIComponent(host)}&options=-c%20lock_timeout%3D5s`;
    const queues = openQueues({ url, namespace: 'with_options', onError: () => {} });
    try {
      const { id } = await queues.enqueue('warmup', {});
      expect(await queues.find('warmup', id)).toMatchObject({ state: 'waiting' });
    } finally {
      await queues.close();
    }
  });

  it('have lost no job that was accepted when the database is killed at once', async () => {
    const queues = openQueues({ connection: server().connection, namespace: 'crashed', onError: () => {} });
    try {
      await queues.ready();
      const ids: string[] = [];
      for (let count = 0; count < 5; count += 1) ids.push((await queues.enqueue('warmup', {})).id);
      server().crash();
      await eventually(async () => queues.ready());
      for (const id of ids) expect(await queues.find('warmup', id)).toMatchObject({ state: 'waiting' });
    } finally {
      await queues.close();
    }
  });
});
