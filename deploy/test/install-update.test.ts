import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { installRig, LONG } from './install-rig.js';
import { buildVariant } from './releases.js';
import { runProgram } from './run-program.js';

const { folder, home, prefix, release, bundle, environment, install, moltbot, inUse } = installRig();
const THEIRS = '# theirs, without an end of line';

beforeAll(async () => {
  writeFileSync(join(home, '.zshrc'), THEIRS);
  const ran = await install(['--from', bundle, '--yes'], { env: environment({ SHELL: '/bin/zsh' }) });
  expect([ran.code, ran.code === 0 ? '' : ran.stderr]).toEqual([0, '']);
  expect(readFileSync(join(home, '.zshrc'), 'utf8')).toMatch(/>>> moltbot >>>/);
}, LONG);

describe('another version', () => {
  const settings = { server: { port: 18_321 } };

  it(
    'takes the place of the one before, which stays beside it, and the configuration is untouched',
    async () => {
      const text = `# mine\n${JSON.stringify(settings)}\n`;
      writeFileSync(join(prefix, 'config.yml'), text);
      const next = await buildVariant({ of: release, folder: join(folder, 'next'), version: '0.2.0' });
      // One that nobody uses any more, and one that still runs: its code is loaded when it is needed.
      for (const name of ['0.0.8', '0.0.9']) mkdirSync(join(prefix, 'app/versions', name));
      const old = spawn('sh', ['-c', 'read line', join(prefix, 'app/versions/0.0.9/lib/primary.js')]);
      const ran = await moltbot('update', '--from', next, '--json');
      old.kill();
      expect(ran.stderr).toBe('');
      expect(JSON.parse(ran.stdout)).toMatchObject({ version: '0.2.0', previous: '0.1.0', changed: true });
      expect((await moltbot('--version')).stdout).toBe('0.2.0\n');
      expect(readdirSync(join(prefix, 'app/versions')).sort()).toEqual(['0.0.9', '0.1.0', '0.2.0']);
      expect(readFileSync(join(prefix, 'config.yml'), 'utf8')).toBe(text);
      expect(JSON.parse((await moltbot('update', '--from', next, '--json')).stdout)).toMatchObject({ changed: false });
    },
    LONG,
  );

  it.each([
    [
      'that does not become ready',
      '0.3.0',
      { 'lib/primary.js': () => "console.error('this build is broken on purpose'); process.exit(1);\n" },
      /could not do this: starting it once[^]*this build is broken on purpose/,
    ],
    [
      'that does not know the configuration any more',
      '0.3.1',
      {
        'lib/moltbot.js': (text: string) =>
          `${text}\nif (process.argv.includes('validate')) { console.error('server.port: unknown'); process.exit(4); }\n`,
      },
      /could not do this: checking the configuration[^]*server\.port: unknown/,
    ],
  ])(
    '%s is refused with its own words, and the one before stays in use',
    async (_what, version, change, words) => {
      const place = join(folder, version);
      const broken = await buildVariant({ of: release, folder: place, version, change });
      rmSync(join(place, 'package'), { recursive: true });
      const ran = await moltbot('update', '--from', broken);
      expect(ran.code).toBe(1);
      expect(ran.stderr).toMatch(words);
      expect(inUse()).toBe('versions/0.2.0');
      expect(readdirSync(join(prefix, 'app/versions')).sort()).toEqual(['0.0.9', '0.1.0', '0.2.0']);
      expect(readdirSync(join(prefix, 'app'))).not.toContain('.staging');
    },
    LONG,
  );
});

if (process.platform !== 'linux') {
  it('a service needs systemd: not checked here', () => {
    process.stdout.write('NOT CHECKED: services, on a system without systemd\n');
    expect(process.platform).not.toBe('linux');
  });
} else
  describe('a service', () => {
    /** Stands in for `systemctl --user` and `loginctl`: runs what the unit says in the background. */
    const SYSTEMCTL = `#!/bin/sh
state=$HOME/systemctl; mkdir -p "$state"; shift
unit=$HOME/.config/systemd/user/moltbot.service
stop() { [ -f "$state/pid" ] && kill "$(cat "$state/pid")" 2>/dev/null && while kill -0 "$(cat "$state/pid")" 2>/dev/null; do sleep 0.1; done; rm -f "$state/pid"; }
active() { [ -f "$state/pid" ] && kill -0 "$(cat "$state/pid")" 2>/dev/null; }
case $1 in
  is-system-running) echo running ;;
  is-active) if active; then echo active; else echo inactive; exit 3; fi ;;
  stop) stop ;;
  start | restart) stop; command=$(sed -n 's/^ExecStart=://p' "$unit"); eval "MOLTBOT_HOME='$HOME/.moltbot' setsid $command >'$state/log' 2>&1 </dev/null &"; echo $! >"$state/pid" ;;
  disable) stop ;;
esac
exit 0
`;
    let env: Record<string, string>;

    beforeAll(() => {
      const bin = join(folder, 'bin');
      mkdirSync(bin);
      for (const name of ['systemctl', 'loginctl']) {
        writeFileSync(join(bin, name), name === 'systemctl' ? SYSTEMCTL : '#!/bin/sh\nexit 0\n', { mode: 0o755 });
      }
      env = environment({ PATH: `${bin}:${environment()['PATH']}` });
      writeFileSync(
        join(prefix, 'config.yml'),
        JSON.stringify({
          server: { port: 0, metrics_port: 0 },
          worker: { metrics_port: 0 },
          discovery: { local_servers: false },
        }),
      );
    });

    afterAll(async () => {
      await runProgram(join(folder, 'bin/systemctl'), ['--user', 'disable'], { env });
    });

    const run = async (...args: string[]) => runProgram(join(prefix, 'bin/moltbot'), args, { env });
    const answering = async () => {
      for (const until = Date.now() + 60_000; Date.now() < until; await delay(100)) {
        const status = await run('status', '--json');
        if (status.code === 0) return (JSON.parse(status.stdout) as { primary: { version: string } }).primary.version;
      }
      throw new Error(`nothing answers:\n${readFileSync(join(home, 'systemctl/log'), 'utf8')}`);
    };

    it(
      'is installed once, runs, and says so',
      async () => {
        const first = await run('service', 'install', '--json');
        expect(first.stderr).toBe('');
        expect(JSON.parse(first.stdout)).toMatchObject({ manager: 'systemd', changed: true });
        expect(await answering()).toBe('0.2.0');
        expect(JSON.parse((await run('service', 'install', '--json')).stdout)).toMatchObject({ changed: false });
        expect(JSON.parse((await run('service', 'status', '--json')).stdout)).toMatchObject({
          installed: true,
          active: true,
        });
        expect(statSync(join(home, '.config/systemd/user/moltbot.service')).mode & 0o777).toBe(0o600);
      },
      LONG,
    );

    it(
      'goes back to the version before where the new one passes the trial but does not serve this home',
      async () => {
        const place = join(folder, '0.4.0');
        // It has changed the data before it fails: with that, the version before would not run.
        const refuses = `if (!process.env.MOLTBOT_HOME.includes('moltbot-trial-')) {
        const { execFileSync } = await import('node:child_process');
        execFileSync(process.execPath, [import.meta.dirname + '/moltbot.js', 'keys', 'create', 'made-by-0.4.0']);
        (await import('node:fs')).writeFileSync(process.env.MOLTBOT_HOME + '/cache/changed', '');
        process.exit(1);
      }\n`;
        expect((await run('keys', 'create', 'mine')).code).toBe(0);
        mkdirSync(join(prefix, 'cache'), { recursive: true });
        const broken = await buildVariant({
          of: release,
          folder: place,
          version: '0.4.0',
          change: { 'lib/primary.js': (text) => refuses + text },
        });
        rmSync(join(place, 'package'), { recursive: true });
        const ran = await run('update', '--from', broken, '--json', '--ready-within', '15s');
        expect(ran.code).toBe(1);
        expect(JSON.parse(ran.stdout)).toMatchObject({ error: { code: 'update_rolled_back' } });
        expect(ran.stdout).toContain('Version 0.2.0 is in use again and ready');
        expect(inUse()).toBe('versions/0.2.0');
        expect(await answering()).toBe('0.2.0');
        const keys = await run('keys', 'list');
        expect(keys.stdout).toContain('mine');
        expect(keys.stdout).not.toContain('made-by-0.4.0');
        expect(existsSync(join(prefix, 'cache/changed'))).toBe(true);
      },
      LONG,
    );

    it(
      'is restarted by an update',
      async () => {
        const place = join(folder, '0.5.0');
        const next = await buildVariant({ of: release, folder: place, version: '0.5.0' });
        const ran = await run('update', '--from', next, '--json');
        expect(JSON.parse(ran.stdout)).toMatchObject({ version: '0.5.0', previous: '0.2.0', restarted: true });
        expect(await answering()).toBe('0.5.0');
      },
      LONG,
    );

    it(
      'is taken away with everything else by --uninstall, which leaves nothing',
      async () => {
        const refused = await install(['--uninstall'], { env });
        expect(refused.code).toBe(1);
        expect(refused.stderr).toMatch(/Pass --yes \(it removes the data too\), or --yes --keep-data/);
        const ran = await install(['--uninstall', '--yes', '--json'], { env });
        expect(JSON.parse(ran.stdout)).toMatchObject({ uninstalled: true });
        rmSync(join(home, 'systemctl'), { recursive: true });
        const left = readdirSync(home, { recursive: true, encoding: 'utf8' }).filter((name) =>
          statSync(join(home, name)).isFile(),
        );
        expect(left).toEqual(['.zshrc']);
        expect(readFileSync(join(home, '.zshrc'), 'utf8').trim()).toBe(THEIRS);
      },
      LONG,
    );
  });
