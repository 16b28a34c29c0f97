import { createServer } from 'node:net';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  childProcesses,
  eventually,
  moltbot,
  type RunningMoltbot,
  runs,
  spawnMoltbot,
  startMoltbot,
  type TemporaryHome,
  temporaryHome,
} from './moltbot.js';

const home: TemporaryHome = temporaryHome();
let server: RunningMoltbot | undefined;
/** Every process of ours that a test saw: none may be left. */
const pids = new Set<number>();

afterEach(async () => {
  await server?.end();
  server = undefined;
});
afterAll(() => {
  home.remove();
  expect([...pids].filter(runs)).toEqual([]);
});

/** The processes that the command started, by what they run. */
async function childrenOf(running: RunningMoltbot): Promise<{ primary: number; worker: number; database: number }> {
  await running.said(/worker ready/);
  const found = { primary: 0, worker: 0, database: 0 };
  for (const { pid, line } of childProcesses(running.child.pid ?? 0)) {
    const role = line.includes('primary/dist') ? 'primary' : line.includes('worker/dist') ? 'worker' : 'database';
    found[role] = pid;
    pids.add(pid);
  }
  return found;
}

describe('the first start, from nothing', () => {
  let first: RunningMoltbot;
  beforeAll(async () => {
    first = await startMoltbot({ home: home.path });
  });
  afterAll(async () => {
    await first.end();
  });

  it('answers a chat', async () => {
    const answer = await moltbot(['chat', 'Hello'], { home: home.path });
    expect(answer.code).toBe(0);
    expect(answer.stdout).toContain('[SIMULATED] You asked: “Hello”');
  });

  it('says one JSON line on stdout, and nothing else there', () => {
    expect(JSON.parse(first.stdout())).toEqual({
      event: 'ready',
      url: first.url,
      metricsUrl: first.metricsUrl,
      pid: first.child.pid,
    });
  });

  it('has both roles ready, which status sees', async () => {
    await first.said(/worker ready/);
    const status = await moltbot(['status', '--json'], { home: home.path });
    expect(status.code).toBe(0);
    expect(JSON.parse(status.stdout)).toMatchObject({
      pid: first.child.pid,
      url: first.url,
      chain: ['demo:assistant'],
      primary: { url: first.metricsUrl, reachable: true, ready: true, inFlight: 0, version: '0.1.0' },
      worker: { reachable: true, ready: true, inFlight: 0, version: '0.1.0' },
    });
  });

  it('refuses a second start on the same home, naming the first', async () => {
    const second = await moltbot(['start'], { home: home.path });
    expect(second.code).toBe(4);
    expect(second.stderr).toContain(`process ${first.child.pid}, ${first.url}`);
    expect((await moltbot(['status'], { home: home.path })).code).toBe(0);
  });

  it('goes on when the reader of its stdout went away', async () => {
    first.child.stdout?.destroy();
    expect((await fetch(`${first.url}/health`)).status).toBe(200);
    expect(first.child.exitCode).toBeNull();
  });
});

describe('a started MoltBot', () => {
  it('greets a person with its address, its chain, that the model is simulated, and one next step', async () => {
    const child = spawnMoltbot(['start'], { home: home.path });
    let stdout = '';
    child.stdout?.on('data', (text: Buffer) => (stdout += text.toString()));
    await eventually(() => stdout.includes('Next:'));
    child.kill('SIGTERM');
    const [code] = (await once(child, 'exit')) as [number | null];
    expect(code).toBe(0);
    expect(stdout).toMatch(/MoltBot is ready: http:\/\/127\.0\.0\.1:\d+\n {2}chain: demo:assistant\n/);
    expect(stdout).toContain('SIMULATED');
    expect(stdout.trimEnd().split('\n').at(-1)).toBe('Next: ./moltbot chat "Hello"');
  });

  it('ends on SIGTERM with everything it started, the database too, and leaves the home free', async () => {
    server = await startMoltbot({ home: home.path });
    const { primary, worker, database } = await childrenOf(server);
    expect([primary, worker, database].every((pid) => pid > 0 && runs(pid))).toBe(true);
    expect(await server.end()).toBe(0);
    expect([primary, worker, database].filter(runs)).toEqual([]);
    expect((await moltbot(['status'], { home: home.path })).code).toBe(3);
  });

  it('starts a killed primary again, while the worker goes on', async () => {
    server = await startMoltbot({ home: home.path });
    const before = await childrenOf(server);
    process.kill(before.primary, 'SIGKILL');
    await server.said(/the primary ended \(SIGKILL\); starting it again in 0\.5 s/);
    await server.said(/the primary is back/);
    expect((await moltbot(['chat', '-m', 'demo:tokens=3', 'x'], { home: home.path })).code).toBe(0);
    const after = await childrenOf(server);
    expect(after.primary).not.toBe(before.primary);
    expect(after.worker).toBe(before.worker);
  });

  it('lets its roles end by themselves when it is killed, and the next start finds all in order', async () => {
    server = await startMoltbot({ home: home.path });
    const { primary, worker } = await childrenOf(server);
    await server.end('SIGKILL');
    await eventually(() => !runs(primary) && !runs(worker));
    server = await startMoltbot({ home: home.path });
    expect((await fetch(`${server.url}/health`)).status).toBe(200);
  });

  it('lets a running answer end before it stops', async () => {
    server = await startMoltbot({ home: home.path });
    const child = spawnMoltbot(['chat', '-m', 'demo:tokens=60,rate=20ms', 'x'], { home: home.path });
    let stdout = '';
    child.stdout?.on('data', (text: Buffer) => (stdout += text.toString()));
    const closed = once(child, 'close');
    await eventually(() => stdout.length > 0);
    expect(await server.end('SIGINT')).toBe(0);
    const [code] = (await closed) as [number | null];
    expect(code).toBe(0);
  });
});

describe('a start that is refused', () => {
  it('names the flag where the port is taken, and ends with 4', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as { readonly port: number };
    try {
      const refused = await moltbot(['start', '--json', '--port', String(port)], { home: home.path });
      expect(refused.code).toBe(4);
      expect(JSON.parse(refused.stdout)).toMatchObject({ error: { code: 'port_in_use' } });
      expect(refused.stderr).toContain(`Port ${port} is taken. Choose another with \`--port N\``);
      const role = await moltbot(['primary', '--port', String(port)], { home: home.path });
      expect(role.code).toBe(4);
      // The worker's port: chat goes on without it.
      const env = { MOLTBOT_WORKER_METRICS_PORT: String(port) };
      server = await startMoltbot({ home: home.path, env });
      await server.said(/the worker did not start, see above; trying again in 30 s/);
      expect((await fetch(`${server.url}/ready`)).status).toBe(200);
    } finally {
      holder.close();
    }
  });

  it('names file, line and key of a mistake in the configuration', async () => {
    const other = temporaryHome({ timeouts: { total: 'soon' } });
    try {
      const refused = await moltbot(['start', '--json'], { home: other.path });
      expect(refused.code).toBe(4);
      expect(JSON.parse(refused.stdout)).toMatchObject({
        error: { code: 'config_invalid', problems: [expect.stringContaining('timeouts.total')] },
      });
      const bad = await moltbot(['start', '--port', 'eighty'], { home: other.path });
      expect(bad.code).toBe(4);
      expect(bad.stderr).toContain('--port');
    } finally {
      other.remove();
    }
  });

  it('does not open itself to others without a key', async () => {
    const refused = await moltbot(['start', '--json', '--host', '0.0.0.0'], { home: home.path });
    expect(refused.code).toBe(4);
    expect(JSON.parse(refused.stdout)).toMatchObject({ error: { code: 'unsafe_bind' } });
  });
});

describe('a role alone', () => {
  it('runs in the foreground, ends on SIGTERM, and its exit code is the command’s', async () => {
    const child = spawnMoltbot(['primary'], { home: home.path });
    let text = '';
    child.stdout?.on('data', (piece: Buffer) => (text += piece.toString()));
    child.stderr?.on('data', (piece: Buffer) => (text += piece.toString()));
    await eventually(() => text.includes('primary ready'));
    child.kill('SIGTERM');
    const [code] = (await once(child, 'exit')) as [number | null];
    expect(code).toBe(0);
  });
});
