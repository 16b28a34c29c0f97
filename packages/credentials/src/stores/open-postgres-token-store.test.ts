import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { createCredentialTokens, migrate } from '@moltbot/storage';
import { type PostgresTestServer, startPostgresServer } from '../../../queue/test/postgres-server.js';
import { createTestDatabase } from '../../../storage/src/__fixtures__/test-database.js';
import { openLink } from '../testing/cuttable-link.js';
import { describeTokenStore, type TokenStoreUnderTest } from '../testing/describe-token-store.js';
import { openPostgresTokenStore } from './open-postgres-token-store.js';

describeTokenStore('PostgreSQL', async (): Promise<TokenStoreUnderTest> => {
  const database = await createTestDatabase();
  await migrate({ connection: database.connection });
  const url = new URL('url' in database.connection ? database.connection.url.reveal() : '');
  const folder = url.searchParams.get('host') ?? '';
  const link = await openLink(folder.startsWith('/') ? join(folder, `.s.PGSQL.${url.port}`) : Number(url.port));
  url.searchParams.delete('host');
  url.hostname = '127.0.0.1';
  url.port = String(link.port);
  return {
    place: { kind: 'postgres', url: url.href },
    down: () => link.refuse(),
    hang: async () => link.silence(),
    up: () => link.mend(),
    async remove() {
      await link.close();
      await database.drop();
    },
  };
});

describe('a write to PostgreSQL', () => {
  let server: PostgresTestServer | undefined;
  afterEach(() => server?.remove());

  it('that was acknowledged outlives the sudden end of all the server’s processes', async () => {
    server = await startPostgresServer();
    const connection = server.connection as Parameters<typeof createCredentialTokens>[0]['connection'];
    await migrate({ connection });
    const tokens = createCredentialTokens({ connection });
    const store = openPostgresTokenStore({ tokens });
    const id = randomUUID();
    for (let version = 0; version < 20; version += 1) {
      expect(await store.compareAndSwap(id, version, `value ${version + 1}`)).toBeDefined();
    }
    server.crash();
    await store.close();
    await tokens.close();
    await server.down();
    await server.up();
    const again = createCredentialTokens({ connection: server.connection as typeof connection });
    expect(await again.read(id)).toEqual({ id, version: 20, value: 'value 20' });
    await again.close();
  });
});
