import { createTestDatabase } from '../../storage/src/__fixtures__/test-database.js';
import { migrate } from '@moltbot/storage';
import { startRedisServer } from '../../queue/test/redis-server.js';
import type { StorePlace } from '../src/testing/store-place.js';

/** A store that a test may use, and that goes with it. */
export interface TestStore {
  readonly place: StorePlace | 'file';
  remove(): Promise<void>;
}

export const STORES: Readonly<Record<'the file store' | 'PostgreSQL' | 'Redis', () => Promise<TestStore>>> = {
  'the file store': async () => ({ place: 'file', remove: async () => {} }),
  async PostgreSQL() {
    const database = await createTestDatabase();
    await migrate({ connection: database.connection });
    const url = 'url' in database.connection ? database.connection.url.reveal() : '';
    return { place: { kind: 'postgres', url }, remove: () => database.drop() };
  },
  async Redis() {
    const server = await startRedisServer();
    const url = 'url' in server.connection ? String(server.connection.url) : '';
    return { place: { kind: 'redis', url }, remove: () => server.remove() };
  },
};
