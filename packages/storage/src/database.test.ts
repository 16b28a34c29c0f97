import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Secret } from '@moltbot/contracts';
import { sql } from 'kysely';
import { createTestDatabase, type TestDatabase } from './__fixtures__/test-database.js';
import { type Database, type DatabaseOptions, databaseUrl, openDatabase } from './database.js';
import { guarded } from './storage-error.js';

let test: TestDatabase;
const open: Database[] = [];
const errors: unknown[] = [];

beforeAll(async () => {
  test = await createTestDatabase();
});
afterEach(async () => {
  for (const db of open.splice(0)) await db.close();
  errors.length = 0;
});
afterAll(() => test.drop());

function database(options: Partial<DatabaseOptions> = {}): Database {
  const db = openDatabase({ connection: test.connection, onError: (error) => errors.push(error), ...options });
  open.push(db);
  return db;
}

const unavailable = { code: 'storage_unavailable' };

describe('the database', () => {
  it('reads bigint columns as numbers, wherever they are asked for', async () => {
    const db = database();
    const text = 'select 9007199254740991::bigint as a, count(*) as b, $1::bigint as c';
    expect(await db.run({ name: 'bigints', text }, [5])).toEqual([{ a: 9_007_199_254_740_991, b: 1, c: 5 }]);
    const { rows } = await sql`select 5::bigint as a`.execute(db.kysely);
    expect(rows).toEqual([{ a: 5 }]);
  });

  it('prepares a named statement once per connection', async () => {
    const db = database({ poolSize: 1 });
    const statement = { name: 'twice', text: 'select $1::int + 1 as sum' };
    expect(await db.run(statement, [1])).toEqual([{ sum: 2 }]);
    expect(await db.run(statement, [2])).toEqual([{ sum: 3 }]);
    const prepared = await sql<{ name: string }>`select name from pg_prepared_statements`.execute(db.kysely);
    expect(prepared.rows).toEqual([{ name: 'twice' }]);
  });

  it('survives a connection that is cut in the middle of a transaction', async () => {
    const db = database({ poolSize: 1 });
    const cut = guarded(() =>
      db.kysely.transaction().execute(async (transaction) => {
        const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(transaction);
        await test.query('select pg_terminate_backend($1)', [rows[0]?.pid]);
        // The cut arrives while nobody waits for an answer.
        await new Promise((resolve) => {
          setTimeout(resolve, 50);
        });
        await sql`select 1`.execute(transaction);
      }),
    );
    await expect(cut).rejects.toMatchObject(unavailable);
    await db.ping();
  });

  it('survives a connection that is cut while it is idle', async () => {
    const db = database({ poolSize: 1 });
    const [row] = await db.run<{ pid: number }>({ name: 'pid', text: 'select pg_backend_pid() as pid' }, []);
    await test.query('select pg_terminate_backend($1)', [row?.pid]);
    for (const deadline = Date.now() + 5_000; errors.length === 0 && Date.now() < deadline; ) {
      await new Promise((resolve) => {
        setTimeout(resolve, 5);
      });
    }
    expect(errors).toHaveLength(1);
    await db.ping();
  });

  it('gives up on a statement that takes too long', async () => {
    const db = database({ statementTimeoutMs: 50 });
    await expect(db.run({ name: 'sleep', text: 'select pg_sleep(10)' }, [])).rejects.toMatchObject(unavailable);
    await db.ping();
  });

  it('gives up waiting for a connection when all are busy', async () => {
    const db = database({ poolSize: 1, connectTimeoutMs: 50 });
    const busy = db.run({ name: 'nap', text: 'select pg_sleep(0.3)' }, []);
    await expect(db.ping()).rejects.toMatchObject(unavailable);
    await busy;
    await db.ping();
  });

  it('gives up on a server that takes the connection and says nothing', async () => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const db = database({ connection: { url: new Secret(`postgres://u@127.0.0.1:${port}/d`) }, connectTimeoutMs: 50 });
    await expect(db.ping()).rejects.toMatchObject(unavailable);
    for (const socket of sockets) socket.destroy();
    silent.close();
  });

  it.each([
    ['nobody listens', 'postgres://u:hidden@127.0.0.1:1/d'],
    ['the socket is not there', 'postgres://u:hidden@localhost/d?host=/nowhere/at/all'],
    ['the URL is none', 'postgres://u:hidden@[:::]:x/d'],
  ])('is unavailable where %s, and shows no password', async (_name, url) => {
    const db = database({ connection: { url: new Secret(url) } });
    const error = await db.ping().catch((problem: unknown) => problem);
    expect(error).toMatchObject(unavailable);
    expect(inspect(error, { depth: 9 })).not.toContain('hidden');
  });

  it('is unavailable where there is no such database', async () => {
    const url = new URL(databaseUrl(test.connection).reveal());
    url.pathname = '/missing';
    await expect(database({ connection: { url: new Secret(url.href) } }).ping()).rejects.toMatchObject(unavailable);
  });

  it('passes a wrong statement on as what it is', async () => {
    const wrong = database().run({ name: 'wrong', text: 'select nothing from nowhere' }, []);
    await expect(wrong).rejects.toMatchObject({ code: '42P01' });
  });

  it('is reached by a URL made of an embedded connection', () => {
    const embedded = { host: '/run/a b', port: 5432, database: 'moltbot', user: 'moltbot' };
    expect(databaseUrl(embedded).reveal()).toBe('postgresql://moltbot@localhost:5432/moltbot?host=%2Frun%2Fa%20b');
    const secret = databaseUrl({ ...embedded, host: '127.0.0.1', password: new Secret('p/w') }).reveal();
    expect(secret).toBe('postgresql://moltbot:p%2Fw@localhost:5432/moltbot?host=127.0.0.1');
  });
});
