import { chmodSync, existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startAuthorizationServer } from '@moltbot/auth/testing';
import { moltbotPaths } from '@moltbot/config';
import { databaseUrl, migrate } from '@moltbot/storage';
import { createTestDatabase, type TestDatabase } from '../../../packages/storage/src/__fixtures__/test-database.js';
import { type RedisServer, startRedisServer } from '../../../packages/state/src/testing/redis-server.js';
import { CHECKS } from '../src/doctor/check-table.js';
import { credentialAccess } from '../src/doctor/credential-access.js';
import { applyFixes, fixableOf } from '../src/doctor/fix-findings.js';
import type { DoctorReport } from '../src/doctor/report.js';
import { type Diagnosis, runDoctor } from '../src/doctor/run-doctor.js';
import { findingsOf } from './doctor-rig.js';
import { temporaryHome, type TemporaryHome } from './moltbot.js';

let home: TemporaryHome;
const closing: (() => unknown)[] = [];
beforeEach(() => {
  home = temporaryHome();
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  home.remove();
});

async function diagnose(
  only: readonly string[],
  options: { readonly env?: Record<string, string>; readonly nodeVersion?: string } = {},
): Promise<Diagnosis> {
  const { env = {} } = options;
  const paths = moltbotPaths({ env: { MOLTBOT_HOME: home.path }, homeDirectory: home.path });
  return runDoctor({
    checks: CHECKS.filter(({ id }) => only.includes(id)),
    paths,
    env,
    locale: 'en',
    command: 'moltbot',
    access: credentialAccess({ env, paths, homeDirectory: home.path }),
    readOnly: false,
    signal: new AbortController().signal,
    probeMs: 500,
    ...options,
  });
}
const report = async (only: readonly string[], env?: Record<string, string>): Promise<DoctorReport> =>
  (await diagnose(only, env === undefined ? {} : { env })).report();

/** A server that takes connections and does what it is told with them. */
async function listen(onConnection: (socket: Socket) => void = () => undefined): Promise<number> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as { port: number }).port;
}

describe('the machine', () => {
  it('has a Node that is new enough, or not', async () => {
    expect(findingsOf(await report(['node.version']))).toEqual([]);
    const old = (await diagnose(['node.version'], { nodeVersion: '20.20.2' })).report();
    expect(old.verdict).toMatchObject({
      code: 'node-too-old',
      message: 'This is Node 20.20.2; MoltBot needs 22.22.0 or later.',
    });
  });

  it('has a home that can be written, or one that stands in its own way', async () => {
    expect(findingsOf(await report(['files.home', 'disk.space']))).toEqual([]);
    home.remove();
    // It would be made at the first start.
    expect(findingsOf(await report(['files.home', 'disk.space']))).toEqual([]);
    expect(existsSync(home.path)).toBe(false);
    writeFileSync(home.path, 'a file');
    expect((await report(['files.home'])).verdict).toMatchObject({ code: 'home-not-writable' });
  });

  it('has ports that are taken, and says by whom', async () => {
    const [port, metricsPort] = [await listen(), await listen((socket) => socket.destroy())];
    writeFileSync(
      home.configFile,
      JSON.stringify({ server: { port, metrics_port: metricsPort }, worker: { metrics_port: 0 } }),
    );
    const { verdict, checks } = await report(['ports.chat', 'ports.metrics']);
    expect(verdict).toMatchObject({ id: 'ports.chat', code: 'port-taken', fixable: true });
    expect(verdict).toMatchObject({ command: expect.stringMatching(/^moltbot config set server\.port \d+$/) });
    if (process.platform === 'linux') expect(JSON.stringify(verdict)).toContain(`(process ${process.pid})`);
    expect(checks.map(({ status }) => status)).toEqual(['error', 'error', 'ok']);
  });

  it('has no address or no right for a port', async () => {
    writeFileSync(
      home.configFile,
      JSON.stringify({ server: { host: '192.0.2.1', metrics_port: 1, access: 'api_key' } }),
    );
    expect((await report(['ports.chat'])).verdict).toMatchObject({
      code: 'port-forbidden',
      message: expect.stringContaining('EADDRNOTAVAIL'),
    });
  });
});

describe('files that hold secrets', () => {
  const auth = () => join(home.path, 'auth.json');

  it('are found to be readable for others, and mended with a copy of them', async () => {
    writeFileSync(auth(), '{}', { mode: 0o600 });
    expect(findingsOf(await report(['files.auth-mode']))).toEqual([]);
    chmodSync(auth(), 0o644);
    const diagnosis = await diagnose(['files.auth-mode']);
    expect(diagnosis.report().verdict).toMatchObject({
      status: 'warning',
      code: 'auth-file-mode',
      command: `chmod 600 ${auth()}`,
      message: expect.stringContaining('mode 0644'),
    });
    const declined = await applyFixes({ fixable: fixableOf(diagnosis.runs), ask: async () => false, now: Date.now });
    expect(declined).toMatchObject([{ outcome: 'declined', backup: null }]);
    expect(statSync(auth()).mode & 0o777).toBe(0o644);
    const [done] = await applyFixes({ fixable: fixableOf(diagnosis.runs), ask: async () => true, now: Date.now });
    expect(done).toMatchObject({
      outcome: 'applied',
      backup: expect.stringMatching(/auth\.json\.backup-\d{8}T\d{6}Z$/),
    });
    expect(statSync(done?.backup ?? '').mode & 0o777).toBe(0o600);
    expect(findingsOf(await report(['files.auth-mode']))).toEqual([]);
  });

  it('are the key and the folder of tokens too', async () => {
    writeFileSync(join(home.path, 'secret.key'), 'x', { mode: 0o600 });
    mkdirSync(join(home.path, 'tokens/row'), { recursive: true, mode: 0o755 });
    chmodSync(join(home.path, 'secret.key'), 0o640);
    expect(findingsOf(await report(['files.secret-key-mode']))).toEqual([
      `error files.secret-key-mode ${join(home.path, 'secret.key')}: secret-key-mode`,
      `warning files.secret-key-mode ${join(home.path, 'tokens')}: secret-key-mode`,
    ]);
    const { runs } = await diagnose(['files.secret-key-mode']);
    await applyFixes({ fixable: fixableOf(runs), ask: async () => true, now: Date.now });
    expect(findingsOf(await report(['files.secret-key-mode']))).toEqual([]);
  });
});

describe('the configuration', () => {
  it('is told with every mistake, and what needs it is skipped', async () => {
    writeFileSync(home.configFile, 'server:\n  port: many\nmodles: {}\n');
    const found = await report(CHECKS.map(({ id }) => id));
    expect(found.verdict).toMatchObject({
      id: 'config.valid',
      code: 'config-mistake',
      message: expect.stringContaining(`${home.configFile}:2`),
      command: 'moltbot config validate',
    });
    expect(findingsOf(found)).toHaveLength(2);
    expect(
      found.checks.filter((check) => check.status === 'skipped' && check.reason === 'config-unreadable').length,
    ).toBeGreaterThan(15);
  });

  it('may have remarks, and proxies that can’t be read', async () => {
    const { verdict } = await report(['config.valid'], { MOLTBOT_SERVR_PORT: '1' });
    expect(verdict).toMatchObject({ status: 'warning', code: 'config-remark' });
    const proxy = await report(['config.valid'], { HTTPS_PROXY: 'socks5://ann:CANARY-pw@proxy' });
    expect(proxy.verdict).toMatchObject({ code: 'proxy-setting', cause: 'configuration' });
    expect(JSON.stringify(proxy)).not.toContain('CANARY');
  });
});

describe('what runs', () => {
  it('is told to be silent where a process holds the home and nobody answers', async () => {
    mkdirSync(join(home.path, 'run'));
    const url = `http://127.0.0.1:${await listen((socket) => socket.destroy())}`;
    const running = { pid: process.pid, startedAt: 'today', url, metricsUrl: url, workerMetricsUrl: url };
    writeFileSync(join(home.path, 'run/moltbot.json'), JSON.stringify(running));
    expect((await report(['server.running', 'ports.chat'])).verdict).toMatchObject({
      code: 'server-silent',
      id: 'server.running',
    });
  });

  it('is not ready, or of another version', async () => {
    const port = await listen((socket) => {
      socket.once('data', (head) => {
        const ready = head.toString('latin1').startsWith('GET /ready');
        const body = ready
          ? '{"status":"failing","checks":{"models":{"ok":false,"required":true,"detail":"no credential"}}}'
          : 'moltbot_build_info{role="primary",version="9.9.9"} 1\n';
        socket.end(
          `HTTP/1.1 ${ready ? 503 : 200} X\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
        );
      });
    });
    writeFileSync(home.configFile, JSON.stringify({ server: { metrics_port: port }, worker: { metrics_port: 1 } }));
    const found = await report(['server.running', 'server.version', 'ports.metrics']);
    expect(found.verdict).toMatchObject({
      code: 'server-not-ready',
      message: expect.stringContaining('models (no credential)'),
    });
    expect(findingsOf(found)).toContain('warning server.version : server-other-version');
  });
});

describe('services', () => {
  let database: TestDatabase;
  let redis: RedisServer;
  beforeAll(async () => {
    [database, redis] = await Promise.all([createTestDatabase(), startRedisServer()]);
  });
  afterAll(async () => {
    await Promise.all([database.drop(), redis.remove()]);
  });
  const IDS = ['storage.reachable', 'storage.version', 'queue.reachable', 'state.reachable', 'credentials.store'];

  it('are asked, changed in nothing, and named with their versions', async () => {
    const url = databaseUrl(database.connection).reveal();
    const account = { type: 'oauth', client_id: 'c' };
    writeFileSync(join(home.path, 'auth.json'), JSON.stringify({ openai: account }), { mode: 0o600 });
    const settings = {
      storage: { url },
      queue: { url: redis.url },
      providers: { openai: { oauth: { token_endpoint: 'http://127.0.0.1:1/' } } },
    };
    writeFileSync(home.configFile, JSON.stringify(settings));
    const found = await report(IDS);
    expect(findingsOf(found)).toEqual([]);
    expect(found.checks.map(({ status }) => status)).toEqual(IDS.map(() => 'ok'));
    expect(JSON.stringify(found)).toMatch(/PostgreSQL \d+.*Redis \d+/);
    expect(await database.query(`select to_regclass('moltbot_migration') as made`)).toEqual([{ made: null }]);
    await migrate({ connection: database.connection });
    await database.query(`insert into moltbot_migration (name, timestamp) values ('2999-later', '')`);
    expect((await report(IDS)).verdict).toMatchObject({
      code: 'storage-too-new',
      message: expect.stringContaining('2999-later'),
    });
  });

  it('are named where they refuse, hang, or are something else, and no login is told', async () => {
    const silent = await listen();
    const web = await listen((socket) => socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')));
    const login = 'ann:CANARY-password';
    const began = performance.now();
    writeFileSync(
      home.configFile,
      JSON.stringify({
        storage: { url: `postgres://${login}@127.0.0.1:1/db` },
        queue: { url: `redis://${login}@127.0.0.1:${silent}` },
        state: { url: `redis://${login}@127.0.0.1:${web}` },
      }),
    );
    const found = await report(IDS);
    expect(performance.now() - began).toBeLessThan(6_000);
    expect(findingsOf(found)).toEqual([
      'error storage.reachable : storage-unreachable',
      'error queue.reachable : queue-unreachable',
      'error state.reachable : state-unreachable',
    ]);
    expect(JSON.stringify(found)).toMatch(/ECONNREFUSED.*ETIMEDOUT.*no Redis answers there/);
    expect(JSON.stringify(found)).not.toMatch(/CANARY|ann/);
  });
});

describe('the issuer of callers’ tokens', () => {
  it('answers under its own name, or not', async () => {
    const server = await startAuthorizationServer();
    closing.push(() => server.stop());
    const ask = async (oidc: Record<string, unknown>) => {
      writeFileSync(home.configFile, JSON.stringify({ server: { oidc: { audience: 'a', ...oidc } } }));
      const found = await report(['oidc.issuer']);
      return found.verdict.status === 'healthy' ? 'healthy' : found.verdict.code;
    };
    expect(await ask({ issuer: server.issuer })).toBe('healthy');
    expect(await ask({ issuer: `${server.issuer}/` })).toBe('oidc-other-issuer');
    expect(await ask({ issuer: server.issuer, algorithms: ['ES256'] })).toBe('oidc-no-keys');
    expect(await ask({ issuer: server.issuer, jwks_uri: `${server.issuer}/nowhere` })).toBe('oidc-no-keys');
    expect(await ask({ issuer: 'http://127.0.0.1:1' })).toBe('oidc-unreachable');
  });
});

describe('a home of its own', () => {
  it('is left as it was', async () => {
    writeFileSync(join(home.path, 'auth.json'), JSON.stringify({ openai: { type: 'api_key', key: 'k' } }), {
      mode: 0o600,
    });
    const before = readdirSync(home.path, { recursive: true, encoding: 'utf8' }).toSorted();
    await report(CHECKS.map(({ id }) => id).filter((id) => !id.startsWith('provider')));
    expect(readdirSync(home.path, { recursive: true, encoding: 'utf8' }).toSorted()).toEqual(before);
  });
});
