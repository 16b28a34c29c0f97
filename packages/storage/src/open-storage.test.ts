import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { sql } from 'kysely';
import { temporaryDirectory } from './__fixtures__/test-database.js';
import { databaseUrl } from './database.js';
import { embeddedPostgresStatus } from './embedded-postgres/embedded-postgres-status.js';
import { openStorage, type Storage, type StorageEvent } from './open-storage.js';
import { usageTotals } from './usage-totals.js';

let dataDirectory: string;
const open: Storage[] = [];
const events: StorageEvent[] = [];

beforeAll(() => {
  dataDirectory = temporaryDirectory();
});
afterEach(async () => {
  for (const storage of open.splice(0)) await storage.close();
  events.length = 0;
});
afterAll(() => rmSync(dataDirectory, { recursive: true, force: true }));

async function storage(url = 'embedded'): Promise<Storage> {
  const opened = await openStorage({
    settings: { storage: { url } },
    paths: { dataDirectory },
    onEvent: (event) => events.push(event),
  });
  open.push(opened);
  return opened;
}

const server = () => embeddedPostgresStatus({ dataDirectory: join(dataDirectory, 'postgres') });

describe('the storage', () => {
  it('is ready from nothing: keys are found and requests accounted for', async () => {
    const opened = await storage();
    expect(events.map(({ type }) => type)).toEqual(['database-preparing', 'database-ready', 'storage-migrated']);
    const key = { name: 'laptop', hash: 'f'.repeat(64), prefix: 'mb_abcdef', scopes: ['chat'] };
    const { id } = await opened.apiKeys.create(key);
    expect(await opened.apiKeys.findByHash(key.hash)).toMatchObject({ id, name: 'laptop', scopes: ['chat'] });
    opened.apiKeys.touch(id);
    opened.usage.recordAttempt({
      requestId: 'r1',
      index: 0,
      startedAt: 1_000,
      provider: 'demo',
      model: 'assistant',
      credential: 'none',
      outcome: 'ok',
      durationMs: 1,
      role: 'answer',
    });
    await opened.close();
    await opened.close();
    expect(server().state).toBe('stopped');

    const again = await storage();
    expect((await again.apiKeys.list())[0]).toMatchObject({ id, lastUsedAt: expect.any(Number) });
    expect(await usageTotals({ db: again.db, by: 'model', from: 0, to: 2_000 })).toMatchObject([
      { group: 'demo:assistant', attempts: 1 },
    ]);
  });

  it('is shared by those who open it, and reached by the URL that it gives', async () => {
    const opening = storage();
    const second = await storage();
    await (await opening).close();
    await second.db.ping();
    const outside = await storage(databaseUrl(second.connection).reveal());
    await outside.db.ping();
    expect(server()).toMatchObject({ state: 'running', uses: 1 });
  });

  it('is not opened when a newer version has changed it, and leaves no server behind', async () => {
    const opened = await storage();
    await sql`insert into moltbot_migration values ('9999-later', '2030-01-01')`.execute(opened.db.kysely);
    await opened.close();
    await expect(storage()).rejects.toMatchObject({ code: 'storage_too_new' });
    expect(server().state).toBe('stopped');
  });

  it('is unavailable where nothing answers at the URL', async () => {
    await expect(storage('postgres://u@127.0.0.1:1/d')).rejects.toMatchObject({ code: 'storage_unavailable' });
  });
});
