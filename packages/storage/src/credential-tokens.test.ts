import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from './__fixtures__/test-database.js';
import { createCredentialTokens, type CredentialTokens } from './credential-tokens.js';
import { migrate } from './migrations/migrate.js';

let test: TestDatabase;
let tokens: CredentialTokens;
beforeAll(async () => {
  test = await createTestDatabase();
  await migrate({ connection: test.connection });
  tokens = createCredentialTokens({ connection: test.connection });
});
afterAll(async () => {
  await tokens.close();
  await test.drop();
});

describe('the rows of credentials', () => {
  it('are changed only where the version is the one that was read', async () => {
    const id = randomUUID();
    expect(await tokens.compareAndSwap({ id, version: 1, value: 'none yet' })).toBe(false);
    expect(await tokens.compareAndSwap({ id, version: 0, value: 'one' })).toBe(true);
    expect(await tokens.compareAndSwap({ id, version: 0, value: 'late' })).toBe(false);
    expect(await tokens.compareAndSwap({ id, version: 1, value: 'two' })).toBe(true);
    expect(await tokens.read(id)).toEqual({ id, version: 2, value: 'two' });
    expect((await tokens.versions()).get(id)).toBe(2);
    expect(await tokens.list()).toContainEqual({ id, version: 2, value: 'two' });
  });

  it('wait for the disk, even in a session that would not, and keep what is stricter', async () => {
    await test.query(`
      create table seen (setting text);
      create function note_at_commit() returns trigger language plpgsql as
        $$ begin insert into seen values (current_setting('synchronous_commit')); return null; end $$;
      create constraint trigger note after insert or update on credential_tokens
        deferrable initially deferred for each row execute function note_at_commit();`);
    for (const setting of ['off', 'on', 'remote_apply']) {
      await test.query(
        `do $$ begin execute format('alter database %I set synchronous_commit = ${setting}', current_database()); end $$`,
      );
      const session = createCredentialTokens({ connection: test.connection });
      const id = randomUUID();
      await session.compareAndSwap({ id, version: 0, value: 'one' });
      await session.compareAndSwap({ id, version: 1, value: 'two' });
      await session.close();
    }
    const seen = (await test.query('select setting from seen')).map((row) => row['setting']);
    expect(seen).toEqual(['on', 'on', 'on', 'on', 'remote_apply', 'remote_apply']);
  });
});

describe('a listener', () => {
  it('is told of writes, also after its connection was cut', async () => {
    const changes: string[] = [];
    const waiting = new Map<string, () => void>();
    const next = (event: string) => new Promise<void>((resolve) => waiting.set(event, resolve));
    const begun = next('begun');
    const stop = tokens.listen({
      changed: (id, version) => {
        changes.push(`${id} ${version}`);
        waiting.get('changed')?.();
      },
      begun: () => waiting.get('begun')?.(),
      lost: () => waiting.get('lost')?.(),
    });
    try {
      await begun;
      const first = next('changed');
      const id = `with space:${randomUUID()}`;
      await tokens.compareAndSwap({ id, version: 0, value: 'one' });
      await first;
      expect(changes).toEqual([`${id} 1`]);
      const lost = next('lost');
      const again = next('begun');
      await test.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where application_name = 'moltbot-credentials' and query ilike 'select 1' and datname = current_database()`,
      );
      await lost;
      await again;
      const second = next('changed');
      await tokens.compareAndSwap({ id, version: 1, value: 'two' });
      await second;
      expect(changes).toEqual([`${id} 1`, `${id} 2`]);
    } finally {
      stop();
    }
  });
});
