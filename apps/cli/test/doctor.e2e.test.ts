import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, existsSync, lstatSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { DoctorReport } from '../src/doctor/report.js';
import { CANARIES, openRig, type Rig, TOKEN_HOST } from './doctor-rig.js';
import { moltbot, type Ran, spawnMoltbot, startMoltbot, temporaryHome, type TemporaryHome } from './moltbot.js';

const opened: { close(): unknown }[] = [];
const open = <Closable extends { close(): unknown }>(closable: Closable): Closable => {
  opened.unshift(closable);
  return closable;
};
afterEach(async () => {
  for (const closable of opened.splice(0)) await closable.close();
});
const newHome = (config?: Record<string, unknown>): TemporaryHome => {
  const home = temporaryHome(config);
  open({ close: () => home.remove() });
  return home;
};
const reportOf = ({ stdout }: Ran): DoctorReport => JSON.parse(stdout) as DoctorReport;

/** Names, kinds, modes, times of change and contents of everything in a folder. */
function fingerprint(folder: string): string {
  const hash = createHash('sha256');
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }).toSorted()) {
    const path = join(folder, name);
    const { mode, mtimeMs, size } = lstatSync(path);
    hash.update(`${name} ${mode} ${mtimeMs} ${size}\n`);
    if (lstatSync(path).isFile()) hash.update(readFileSync(path));
  }
  return hash.digest('hex');
}

describe('moltbot doctor', () => {
  it('finds nothing in a fresh home, and makes none', async () => {
    const home = newHome();
    home.remove();
    // Whoever runs the tests may have a server of their own on the usual ports.
    const ports = ['MOLTBOT_SERVER_PORT', 'MOLTBOT_SERVER_METRICS_PORT', 'MOLTBOT_WORKER_METRICS_PORT'];
    const env = Object.fromEntries(ports.map((name) => [name, '0']));
    const { code, stdout } = await moltbot(['doctor'], { home: home.path, env });
    expect(stdout).toMatch(/Verdict: Nothing is wrong \(\d+ checks\)\.\n$/);
    expect(code).toBe(0);
    expect(existsSync(home.path)).toBe(false);
  });

  it('sees the server that runs', async () => {
    const home = newHome();
    const server = await startMoltbot({ home: home.path, args: ['--no-worker'] });
    try {
      const ran = await moltbot(['doctor', '--json'], { home: home.path });
      const report = reportOf(ran);
      expect(report.checks).toContainEqual(expect.objectContaining({ id: 'server.running', status: 'ok' }));
      expect(report.checks).toContainEqual(expect.objectContaining({ id: 'server.version', status: 'ok' }));
      expect(report.checks).toContainEqual(
        expect.objectContaining({ id: 'ports.chat', status: 'skipped', reason: 'this-server' }),
      );
      expect(report.verdict).toEqual({ status: 'healthy' });
      expect(ran.code).toBe(0);
    } finally {
      await server.end();
    }
  });

  it('says what is wrong with its command line', async () => {
    const home = newHome();
    for (const args of [['--only', 'nothing'], ['--lint', '--fix'], ['--fix'], ['--explain', 'nothing']]) {
      const ran = await moltbot(['doctor', ...args], { home: home.path });
      expect([args, ran.code, ran.stderr.length > 20]).toEqual([args, 2, true]);
    }
  });

  it('explains codes in the language of its reader', async () => {
    const home = newHome();
    const english = await moltbot(['doctor', '--explain', 'credential_expired'], { home: home.path });
    expect(english.stdout).toMatch(
      /^credential_expired {2}HTTP 503\nWhat it means: .*\nHow it comes about: .*\nWhat to do: /,
    );
    const chinese = await moltbot(['doctor', '--explain', 'clock.offset'], {
      home: home.path,
      env: { LANG: 'zh_CN.UTF-8' },
    });
    expect(chinese.stdout).toMatch(/含义.*\n成因.*\n处理办法/);
    const json = await moltbot(['doctor', '--explain', 'proxy-refuses', '--json'], { home: home.path });
    expect(JSON.parse(json.stdout)).toMatchObject({ code: 'proxy-refuses', kind: 'finding', check: 'provider.proxy' });
    expect([english.code, chinese.code, json.code]).toEqual([0, 0, 0]);
  });

  it('ends at once with Ctrl-C', async () => {
    const silent = createServer(() => undefined);
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    open(silent as unknown as { close(): unknown });
    const { port } = silent.address() as { port: number };
    const home = newHome({
      providers: { mine: { kind: 'openai-compatible', base_url: `http://127.0.0.1:${port}/v1` } },
    });
    const child = spawnMoltbot(['doctor', '--only', 'provider'], { home: home.path });
    await once(silent, 'connection');
    const asked = performance.now();
    child.kill('SIGINT');
    const [code] = (await once(child, 'close')) as [number | null];
    expect(code).toBe(130);
    expect(performance.now() - asked).toBeLessThan(2_000);
  });
});

describe('moltbot doctor --lint', () => {
  it('ends with 2 for warnings alone, where the doctor itself ends with 0', async () => {
    const home = newHome();
    const file = join(home.path, 'auth.json');
    writeFileSync(file, '{}');
    chmodSync(file, 0o644);
    const before = fingerprint(home.path);
    expect((await moltbot(['doctor', '--lint'], { home: home.path })).code).toBe(2);
    expect((await moltbot(['doctor'], { home: home.path })).code).toBe(0);
    expect(fingerprint(home.path)).toBe(before);
  });

  it('ends with 1 for errors', async () => {
    const home = newHome();
    writeFileSync(home.configFile, 'server: { port: many }\n');
    const { code, stdout } = await moltbot(['doctor', '--lint'], { home: home.path });
    expect(code).toBe(1);
    expect(stdout).toContain(`${home.configFile}:1`);
  });
});

describe('moltbot doctor --fix', () => {
  it('mends what was agreed to, keeps copies, and checks again', async () => {
    const home = newHome();
    const file = join(home.path, 'auth.json');
    writeFileSync(file, '{}');
    chmodSync(file, 0o644);
    const taken = createServer();
    taken.listen(0, '127.0.0.1');
    await once(taken, 'listening');
    open(taken as unknown as { close(): unknown });
    const { port } = taken.address() as { port: number };
    const config = `server:\n  port: ${port} # ours\n  metrics_port: 0\nworker: { metrics_port: 0 }\n`;
    writeFileSync(home.configFile, config);
    const ran = await moltbot(['doctor', '--fix', '--yes', '--json'], { home: home.path });
    const report = reportOf(ran);
    expect(report.fixes).toMatchObject([
      { id: 'files.auth-mode', outcome: 'mended', file, backup: expect.stringContaining('auth.json.backup-') },
      { id: 'ports.chat', outcome: 'mended', backup: expect.stringContaining('config.yml.backup-') },
    ]);
    expect(report.verdict).toEqual({ status: 'healthy' });
    expect(ran.code).toBe(0);
    expect(lstatSync(file).mode & 0o777).toBe(0o600);
    expect(home.config()).toMatch(/# ours/);
    expect(home.config()).not.toBe(config);
    expect(readFileSync(report.fixes?.[1]?.backup ?? '', 'utf8')).toBe(config);
    // Nothing is left to do.
    const again = await moltbot(['doctor', '--fix', '--yes'], { home: home.path });
    expect(again.stderr).toContain('nothing');
    expect(again.code).toBe(0);
  });
});

describe('moltbot doctor on a real set-up', () => {
  let healthy: Rig;
  let blocked: Rig;
  const run = async (rig: Rig, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> =>
    moltbot(['doctor', ...args], {
      home: rig.home.path,
      env: { ...rig.env, MOLTBOT_SECRET_KEY: Buffer.from(rig.secretKey).toString('base64'), ...env },
    });
  beforeAll(async () => {
    [healthy, blocked] = await Promise.all([openRig(), openRig({ refuse: { [TOKEN_HOST]: 403 } })]);
  });
  afterAll(async () => {
    await Promise.all([healthy.close(), blocked.close()]);
  });

  it('finds nothing where nothing is wrong, and changes nothing', async () => {
    const before = fingerprint(healthy.home.path);
    const ran = await run(healthy, ['--json']);
    const report = reportOf(ran);
    expect(report.checks.filter(({ status }) => status === 'error' || status === 'warning')).toEqual([]);
    expect(report).toMatchObject({ schema: 1, verdict: { status: 'healthy' }, counts: { error: 0, warning: 0 } });
    expect(report.checks).toContainEqual(
      expect.objectContaining({ id: 'credential.refresh', status: 'ok', subject: 'acme' }),
    );
    expect(ran.code).toBe(0);
    expect((await run(healthy, ['--lint'])).code).toBe(0);
    expect(fingerprint(healthy.home.path)).toBe(before);
  });

  it('names the cause, its evidence and what to do, and tells no secret in any way of speaking', async () => {
    const human = await run(blocked, []);
    expect(human.code).toBe(1);
    const verdict = human.stdout.slice(human.stdout.indexOf('Verdict:'));
    expect(verdict).toContain(`refuses connections to ${TOKEN_HOST}:443 (HTTP 403)`);
    expect(verdict).toMatch(/Evidence:[\s\S]*proxy-connect[\s\S]*Do this:[\s\S]*--explain proxy-refuses/);
    const ways = [
      human,
      await run(blocked, ['--json']),
      await run(blocked, ['--lint']),
      await run(blocked, [], { LANG: 'zh_CN.UTF-8' }),
    ];
    expect(ways.map(({ code }) => code)).toEqual([1, 1, 1, 1]);
    expect(ways[3]?.stdout).toContain('结论');
    const told = ways.map(({ stdout, stderr }) => stdout + stderr).join('\n');
    for (const canary of Object.values(CANARIES)) expect(told).not.toContain(canary);
    expect(told).not.toContain(Buffer.from(blocked.secretKey).toString('base64'));
    expect(told).not.toContain(Buffer.from(`ann:${CANARIES.proxyPassword}`).toString('base64'));
  });
});
