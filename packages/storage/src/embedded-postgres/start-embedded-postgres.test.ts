import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import pg from 'pg';
import { type DatabaseUser, startDatabaseUser } from '../__fixtures__/database-user-process.js';
import { temporaryDirectory } from '../__fixtures__/test-database.js';
import type { EmbeddedPostgres, EmbeddedPostgresEvent } from './embedded-postgres.js';
import { embeddedPostgresStatus } from './embedded-postgres-status.js';
import { isRunning } from './process-identity.js';
import { startEmbeddedPostgres } from './start-embedded-postgres.js';

let root: string;
const uses: EmbeddedPostgres[] = [];
const users: DatabaseUser[] = [];

beforeAll(() => {
  root = temporaryDirectory();
});
afterEach(async () => {
  for (const use of uses.splice(0)) await use.stop();
  for (const user of users.splice(0)) user.child.kill('SIGKILL');
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Starts or joins the server in `root/name`, and stops using it after the test. */
async function start(name: string, options: { silentTimeoutMs?: number } = {}) {
  const events: EmbeddedPostgresEvent[] = [];
  const server = await startEmbeddedPostgres({
    dataDirectory: join(root, name),
    watchIntervalMs: 50,
    onEvent: (event) => events.push(event),
    ...options,
  });
  uses.push(server);
  return { server, events };
}

function startUser(name: string): DatabaseUser {
  const user = startDatabaseUser(join(root, name));
  users.push(user);
  return user;
}

async function connect(server: EmbeddedPostgres): Promise<pg.Client> {
  const { password: _none, ...connection } = server.connection;
  const client = new pg.Client(connection);
  client.on('error', () => {});
  await client.connect();
  return client;
}

async function query(server: EmbeddedPostgres, text: string): Promise<readonly unknown[]> {
  const client = await connect(server);
  try {
    return (await client.query(text)).rows as unknown[];
  } finally {
    await client.end();
  }
}

async function until(condition: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 15_000; !condition(); await delay(10)) {
    if (Date.now() > deadline) throw new Error('not within 15 s');
  }
}

const types = (events: readonly EmbeddedPostgresEvent[]) => events.map(({ type }) => type);
const status = (name: string) => embeddedPostgresStatus({ dataDirectory: join(root, name) });

describe('the embedded database', () => {
  // These share one folder, in this order: preparing it takes half a second.
  it('is prepared once and keeps its data over a stop', async () => {
    expect(status('main').state).toBe('absent');
    const first = await start('main');
    expect(types(first.events)).toEqual(['database-preparing', 'database-ready']);
    expect(first.server.owned).toBe(true);
    await query(first.server, 'create table kept (value int)');
    await query(first.server, 'insert into kept values (42)');
    expect(status('main')).toMatchObject({ state: 'running', pid: first.server.pid, uses: 1 });
    await until(() => !existsSync(join(root, 'main/unsynced')));
    await first.server.stop();
    expect(isRunning({ pid: first.server.pid })).toBe(false);
    expect(status('main').state).toBe('stopped');

    const second = await start('main');
    expect(types(second.events)).toEqual(['database-ready']);
    expect(await query(second.server, 'select value from kept')).toEqual([{ value: 42 }]);
  });

  it('is closed to other users of the machine', async () => {
    const { server } = await start('main');
    expect(statSync(join(root, 'main/data')).mode & 0o077).toBe(0);
    expect(statSync(server.connection.host).mode & 0o077).toBe(0);
    expect(await query(server, 'show listen_addresses')).toEqual([{ listen_addresses: '' }]);
  });

  it('is joined by a second use, and stopped by the last', async () => {
    const first = await start('main');
    const second = await start('main');
    expect(second.server.owned).toBe(false);
    expect(second.server.pid).toBe(first.server.pid);
    await first.server.stop();
    expect(await query(second.server, 'select 1 as one')).toEqual([{ one: 1 }]);
    await second.server.stop();
    await second.server.stop();
    expect(types(second.events)).toEqual(['database-ready', 'database-stopped']);
    expect(isRunning({ pid: first.server.pid })).toBe(false);
  });

  it('is started again at the same place when it is killed, by one of those who use it', async () => {
    const first = await start('main');
    const second = await start('main');
    const { pid } = first.server;
    // A connection in use: its process may outlive the main one for a moment.
    const busy = await connect(first.server);
    const sleep = busy.query('select pg_sleep(20)').then(
      () => 'answered',
      () => 'cut off',
    );
    process.kill(pid, 'SIGKILL');
    await until(() => first.server.pid !== pid && second.server.pid !== pid);
    expect(second.server.pid).toBe(first.server.pid);
    expect([first.server.owned, second.server.owned].filter(Boolean)).toHaveLength(1);
    expect(types(first.events)).toEqual(['database-ready', 'database-lost', 'database-ready']);
    expect(await sleep).toBe('cut off');
    expect(await query(first.server, 'select value from kept')).toEqual([{ value: 42 }]);
  });

  it('replaces one that lives but does not answer', async () => {
    const user = startUser('main');
    const { pid } = await user.next('using');
    user.child.kill('SIGKILL');
    await user.exited;
    process.kill(pid as number, 'SIGSTOP');
    const { server } = await start('main', { silentTimeoutMs: 300 });
    expect(server.owned).toBe(true);
    expect(isRunning({ pid: pid as number })).toBe(false);
    expect(await query(server, 'select value from kept')).toEqual([{ value: 42 }]);
  });

  it('does not take a process that has got the number of a dead server for it, and leaves it alone', async () => {
    const { uid, gid } = statSync(join(root, 'main/data'));
    const asServer = process.getuid?.() === 0 ? { uid, gid } : {};
    const other = spawn('sleep', ['60'], { stdio: 'ignore', ...asServer });
    try {
      const file = [other.pid, join(root, 'main/data'), '1', '5432', join(root, 'main/socket'), '', '', 'ready'];
      writeFileSync(join(root, 'main/data/postmaster.pid'), `${file.join('\n')}\n`);
      expect(status('main').state).toBe('stopped');
      const { server } = await start('main');
      expect(server.owned).toBe(true);
      expect(isRunning({ pid: other.pid ?? 0 })).toBe(true);
    } finally {
      other.kill('SIGKILL');
    }
  });

  it('lets no second server at the data of one whose process can’t be seen, as from another container', async () => {
    const first = await start('main');
    const path = join(root, 'main/data/postmaster.pid');
    const content = readFileSync(path, 'utf8');
    const ended = spawn('true', { stdio: 'ignore' });
    await once(ended, 'exit');
    try {
      // There it has another number: one of nobody, or of anybody.
      for (const number of [ended.pid, process.pid]) {
        writeFileSync(path, content.replace(/^\d+/, String(number)));
        await expect(start('main')).rejects.toMatchObject({
          code: 'storage_unavailable',
          message: expect.stringContaining('Another container'),
        });
        expect(existsSync(path)).toBe(true);
      }
    } finally {
      writeFileSync(path, content);
    }
    expect(await query(first.server, 'select value from kept')).toEqual([{ value: 42 }]);
  });

  it('starts and stops while the clock of the machine is set', async () => {
    let now = Date.now();
    const set = jest.spyOn(Date, 'now').mockImplementation(() => (now += 3_600_000));
    try {
      const { server } = await start('main');
      expect(server.owned).toBe(true);
      await server.stop();
      expect(isRunning({ pid: server.pid })).toBe(false);
      expect(status('main').state).toBe('stopped');
    } finally {
      set.mockRestore();
    }
  });

  it('outlives a killed process, is out of reach of signals to its group, and is joined by the next', async () => {
    const user = startUser('main');
    const { pid } = await user.next('using');
    process.kill(-(user.child.pid ?? 0), 'SIGINT');
    process.kill(-(user.child.pid ?? 0), 'SIGTERM');
    await user.next('signal');
    await user.next('signal');
    user.say('query');
    expect(await user.next('answer')).toMatchObject({ rows: [{ one: 1 }] });

    process.kill(-(user.child.pid ?? 0), 'SIGKILL');
    await user.exited;
    expect(status('main')).toMatchObject({ state: 'running', pid, uses: 0 });
    const { server } = await start('main');
    expect(server).toMatchObject({ owned: false, pid });
    await server.stop();
    expect(isRunning({ pid: pid as number })).toBe(false);
  });

  it('says what the server said when it can’t start', async () => {
    const broken = join(root, 'main/data/global/pg_control');
    const content = readFileSync(broken);
    writeFileSync(broken, 'rubbish');
    try {
      await expect(start('main')).rejects.toMatchObject({
        code: 'storage_unavailable',
        message: expect.stringMatching(/ended at its start.*server\.log:\n.*(control file|pg_control)/s),
      });
      expect(status('main').state).toBe('stopped');
      expect(existsSync(join(root, 'main/start.lock'))).toBe(false);
    } finally {
      writeFileSync(broken, content);
    }
    expect((await start('main')).server.owned).toBe(true);
  });
});

describe('preparing the embedded database', () => {
  it('by three processes at the same time ends with one server, which the last of them stops', async () => {
    const three = [startUser('three'), startUser('three'), startUser('three')];
    const using = await Promise.all(three.map((user) => user.next('using')));
    const { pid } = using[0] as { pid?: unknown };
    expect(new Set(using.map((line) => line.pid))).toEqual(new Set([pid]));
    const owner = three.findIndex((_user, index) => using[index]?.owned === true);
    expect(using.filter((line) => line.owned === true)).toHaveLength(1);

    // The one who started it leaves first, and the others don't notice.
    three[owner]?.say('stop');
    await three[owner]?.next('stopped');
    const others = three.filter((_user, index) => index !== owner);
    for (const user of others) {
      user.say('query');
      expect(await user.next('answer')).toMatchObject({ rows: [{ one: 1 }] });
    }
    for (const user of others) user.say('stop');
    await Promise.all(three.map((user) => user.exited));
    expect(isRunning({ pid: pid as number })).toBe(false);
  });

  it('is done anew after it was killed in the middle; at a path too long for a socket, it is put where others find it', async () => {
    const name = join('interrupted', 'a'.repeat(120));
    const user = startUser(name);
    await user.next('database-preparing');
    process.kill(-(user.child.pid ?? 0), 'SIGKILL');
    await user.exited;
    expect(existsSync(join(root, name, 'data'))).toBe(false);

    const first = await start(name);
    expect(types(first.events)).toEqual(['database-preparing', 'database-ready']);
    const { host } = first.server.connection;
    expect(host.length).toBeLessThan(90);
    const second = await start(name);
    expect(second.server).toMatchObject({ owned: false, pid: first.server.pid, connection: { host } });
    expect(await query(second.server, 'select 1 as one')).toEqual([{ one: 1 }]);
    await first.server.stop();
    await second.server.stop();
    expect((await start(name)).server.connection.host).toBe(host);
    rmSync(host, { recursive: true, force: true });
  });

  // Only root's server has a user of its own.
  if (process.getuid?.() === 0) {
    it('puts root’s data where the server’s user can reach it', async () => {
      mkdirSync(join(root, 'closed'));
      chmodSync(join(root, 'closed'), 0o700);
      const first = await start('closed/postgres');
      const moved = first.events.find(({ type }) => type === 'database-elsewhere') as { directory: string };
      expect(moved.directory).not.toContain('closed');
      expect(statSync(join(moved.directory, 'data')).uid).not.toBe(0);
      await query(first.server, 'create table kept (value int)');
      await first.server.stop();
      const second = await start('closed/postgres');
      expect(types(second.events)).toEqual(['database-ready']);
      expect(await query(second.server, 'select value from kept')).toEqual([]);
      await second.server.stop();
      rmSync(moved.directory, { recursive: true, force: true });
    });
  }
});
