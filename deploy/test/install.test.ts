import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { buildBundle, buildVariant, ROOT } from './releases.js';
import { type Ran, runProgram, type RunOptions } from './run-program.js';

const SCRIPT = join(ROOT, 'deploy/install/install.sh');
const NODE_FOLDER = dirname(process.execPath);
const LONG = 120_000;

let folder: string;
/** With a space in its name, as every path here. */
let home: string;
let prefix: string;
let bundle: string;

/** Nothing of ours, and a Node that is new enough. */
function environment(more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return { PATH: `${NODE_FOLDER}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin`, HOME: home, LANG: 'C.UTF-8', ...more };
}

async function install(args: readonly string[], options: RunOptions & { readonly shell?: string } = {}): Promise<Ran> {
  return runProgram(options.shell ?? 'sh', [SCRIPT, ...args], { env: environment(), cwd: folder, ...options });
}

const moltbot = async (...args: string[]) => runProgram(join(prefix, 'bin/moltbot'), args, { env: environment() });
const inUse = () => readlinkSync(join(prefix, 'app/current'));
/** Every file with the moment of its last change. */
const stamps = (place: string) =>
  readdirSync(place, { recursive: true, encoding: 'utf8' })
    .filter((name) => !name.includes('compile-cache'))
    .sort()
    .map((name) => `${name} ${statSync(join(place, name)).mtimeMs}`);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'moltbot install '));
  chmodSync(folder, 0o755);
  home = join(folder, 'a home');
  prefix = join(home, '.moltbot');
  mkdirSync(home);
  bundle = await buildBundle(join(folder, 'release'), '0.1.0');
}, LONG);

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe('install.sh before it changes anything', () => {
  it('refuses to install from a registry that nobody named: the public package of that name is another program', async () => {
    const ran = await install(['--yes', '--json']);
    expect(ran.code).toBe(1);
    expect(JSON.parse(ran.stdout)).toMatchObject({ error: { code: 'no_source' } });
    expect(existsSync(prefix)).toBe(false);
  });

  it.each([
    [['--nonsense'], /there is no option --nonsense/],
    [['--prefix'], /--prefix needs a value/],
    [['--version', '../../x'], /is no version/],
    [['--prefix', '/', '--from', '.'], /can't be the prefix/],
    [['--from', '/nowhere/at/all'], /there is no \/nowhere\/at\/all/],
    [['--registry', 'http://example.test'], /is no https address/],
  ])('says what is wrong with %j', async (args, message) => {
    const ran = await install([...args, '--yes']);
    expect(ran.code).not.toBe(0);
    expect(ran.stderr).toMatch(message);
    expect(existsSync(prefix)).toBe(false);
  });

  it('says with --dry-run what it would do, and does nothing', async () => {
    const ran = await install(['--from', bundle, '--dry-run', '--json']);
    expect(ran.code).toBe(0);
    expect(JSON.parse(ran.stdout)).toMatchObject({ dryRun: true, version: '0.1.0', prefix, node: process.execPath });
    expect(readdirSync(home)).toEqual([]);
  });

  it('does not read an answer from the pipe it came through: without a terminal it says what to pass', async () => {
    const ran = await runProgram('bash', ['-s', '--', '--from', bundle], {
      env: environment(),
      input: `${readFileSync(SCRIPT, 'utf8')}\ny\n`,
    });
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(/no terminal to ask on .* Pass --yes/);
    expect(existsSync(prefix)).toBe(false);
  });

  it('asks on the terminal, whatever it was piped through, and takes a no for a no', async () => {
    const command = `cat '${SCRIPT}' | bash -s -- --from '${bundle}'`;
    const linux = process.platform === 'linux';
    const ran = await runProgram(
      'script',
      linux ? ['-qec', command, '/dev/null'] : ['-q', '/dev/null', 'sh', '-c', command],
      {
        env: environment(),
        input: 'n\n',
      },
    );
    expect(ran.stdout).toMatch(/Install MoltBot 0\.1\.0 in .*\? \[y\/N\]/);
    expect(ran.stdout).toMatch(/nothing was changed/);
    expect(existsSync(prefix)).toBe(false);
  });

  it('does nothing where only half of it arrived', async () => {
    const text = readFileSync(SCRIPT, 'utf8');
    const ran = await runProgram('bash', ['-s', '--', '--from', bundle, '--yes'], {
      env: environment(),
      input: text.slice(0, text.lastIndexOf('\nmain ')),
    });
    expect(ran.code).toBe(0);
    expect(existsSync(prefix)).toBe(false);
  });

  it('refuses a bundle whose bytes are not those that were published', async () => {
    const place = join(folder, 'damaged');
    mkdirSync(place);
    const bytes = readFileSync(bundle);
    bytes.writeUInt8(bytes.readUInt8(bytes.length / 2) ^ 1, bytes.length / 2);
    const damaged = join(place, bundle.split('/').at(-1) ?? '');
    writeFileSync(damaged, bytes);
    // With the list of checksums beside it, and without.
    const ran = await install(['--from', damaged, '--yes'], { env: environment({ PATH: '/usr/bin:/bin' }) });
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(/is damaged: its SHA-256/);
    writeFileSync(join(place, 'SHA256SUMS'), readFileSync(join(folder, 'release/SHA256SUMS')));
    expect((await install(['--from', place, '--yes'])).stderr).toMatch(
      /is damaged: its SHA-256 is not the one in .*SHA256SUMS/,
    );
    expect(existsSync(join(prefix, 'app/current'))).toBe(false);
  });
});

describe('install.sh', () => {
  it(
    'installs from a bundle, piped through bash, and starts MoltBot once to see it ready',
    async () => {
      const ran = await runProgram('bash', ['-s', '--', '--from', join(folder, 'release'), '--yes', '--json'], {
        env: environment({ SHELL: '/bin/bash' }),
        input: readFileSync(SCRIPT),
      });
      expect(ran.stderr).toMatch(/starting it once, to see it ready/);
      expect(ran.code).toBe(0);
      expect(JSON.parse(ran.stdout)).toEqual({
        version: '0.1.0',
        changed: true,
        previous: '',
        prefix,
        command: join(prefix, 'bin/moltbot'),
      });
      expect(ran.stderr.match(/^Next: /gm)).toHaveLength(1);
      expect((await moltbot('--version')).stdout).toBe('0.1.0\n');
      // It is its own home.
      expect((await moltbot('config', 'path')).stdout).toContain(join(prefix, 'config.yml'));
      expect(readdirSync(join(prefix, 'app')).sort()).toEqual(
        ['.moltbot', 'compile-cache', 'current', 'made-files', 'node-path', 'versions'].sort(),
      );
    },
    LONG,
  );

  it('does nothing when it is run again', async () => {
    const before = stamps(prefix);
    const ran = await install(['--from', bundle, '--yes', '--json'], { env: environment({ SHELL: '/bin/bash' }) });
    expect(ran.code).toBe(0);
    expect(JSON.parse(ran.stdout)).toMatchObject({ version: '0.1.0', changed: false });
    expect(stamps(prefix)).toEqual(before);
    expect(readFileSync(join(home, '.bashrc'), 'utf8').match(/>>> moltbot >>>/g)).toHaveLength(1);
  });

  it(
    'mends an installation that somebody damaged',
    async () => {
      const file = join(prefix, 'app/versions/0.1.0/node_modules/moltbot/lib/primary.js');
      writeFileSync(file, '');
      const ran = await install(['--from', bundle, '--yes', '--json', '--no-modify-path']);
      expect(ran.code).toBe(0);
      expect(statSync(file).size).toBeGreaterThan(0);
    },
    LONG,
  );

  it(
    'repairs what a run left that was killed in the middle, lock and all',
    async () => {
      const other = join(folder, 'killed run');
      const tree = join(other, 'app/.staging/tree/node_modules');
      const killed = await install(['--from', bundle, '--yes', '--prefix', other, '--no-modify-path'], {
        onStart(child) {
          const watch = setInterval(() => {
            if (!existsSync(tree) || child.pid === undefined) return;
            clearInterval(watch);
            process.kill(-child.pid, 'SIGKILL');
          }, 5);
          child.once('close', () => clearInterval(watch));
        },
      });
      expect(killed.code).toBe(null);
      expect(existsSync(join(other, 'app/current'))).toBe(false);
      expect(readdirSync(join(other, 'app'))).toEqual(expect.arrayContaining(['.lock', '.staging']));
      const ran = await install(['--from', bundle, '--yes', '--prefix', other, '--no-modify-path']);
      expect(ran.code).toBe(0);
      expect(readdirSync(join(other, 'app'))).not.toContain('.staging');
      expect(readdirSync(join(other, 'app'))).not.toContain('.lock');
      expect((await runProgram(join(other, 'bin/moltbot'), ['--version'], { env: environment() })).stdout).toBe(
        '0.1.0\n',
      );
      expect((await install(['--uninstall', '--yes', '--prefix', other])).code).toBe(0);
      expect(existsSync(other)).toBe(false);
    },
    LONG,
  );

  it(
    'lets one of two that run at the same time wait for nothing: it says who is at work',
    async () => {
      const other = join(folder, 'two at once');
      const args = ['--from', bundle, '--yes', '--prefix', other, '--no-modify-path'];
      const [one, two] = await Promise.all([install(args), install(args)]);
      expect([one.code, two.code].filter((code) => code === 0)).toHaveLength(1);
      expect(one.stderr + two.stderr).toMatch(/another installation runs here \(process \d+\)/);
      rmSync(other, { recursive: true });
    },
    LONG,
  );

  it('leaves a folder alone that is not its own', async () => {
    const other = join(folder, 'foreign');
    mkdirSync(join(other, 'app'), { recursive: true });
    writeFileSync(join(other, 'app/theirs.txt'), 'theirs');
    const ran = await install(['--from', bundle, '--yes', '--prefix', other, '--no-modify-path']);
    expect(ran.code).toBe(2);
    expect((await install(['--uninstall', '--yes', '--prefix', other])).stderr).toMatch(/There is no MoltBot/);
    expect(readdirSync(other, { recursive: true })).toEqual(['app', 'app/theirs.txt']);
  });
});

describe('PATH', () => {
  const shells = [
    { shell: 'bash', file: '.bashrc', args: ['-ic', 'echo "$PATH"'] },
    { shell: 'zsh', file: '.zshrc', args: ['-ic', 'echo "$PATH"'] },
    { shell: 'fish', file: '.config/fish/conf.d/moltbot.fish', args: ['-c', 'string join : $PATH'] },
  ];

  it(
    'is named once in the start file of each shell, and each shell understands it',
    async () => {
      const seen: string[] = [];
      for (const { shell, file, args } of shells) {
        const theirs = '# theirs, without an end of line';
        if (shell === 'zsh') writeFileSync(join(home, file), theirs);
        const env = environment({ SHELL: `/usr/bin/${shell}` });
        for (let run = 0; run < 2; run += 1) expect((await install(['--from', bundle, '--yes'], { env })).code).toBe(0);
        const text = readFileSync(join(home, file), 'utf8');
        expect(text.match(/>>> moltbot >>>/g)).toHaveLength(1);
        if (shell === 'zsh') expect(text.startsWith(`${theirs}\n`)).toBe(true);
        const ran = await runProgram(shell, args, { env }).catch(() => undefined);
        if (ran === undefined) {
          if (process.env['MOLTBOT_REQUIRE_SHELLS'] === '1') throw new Error(`${shell} is not here`);
          process.stdout.write(`NOT CHECKED: ${shell} is not on this machine\n`);
          continue;
        }
        expect(ran.stdout).toContain(`${prefix}/bin:`);
        seen.push(shell);
      }
      expect(seen).toContain('bash');
    },
    LONG,
  );
});

describe('another version', () => {
  const settings = { server: { port: 18_321 } };

  it(
    'takes the place of the one before, which stays beside it, and the configuration is untouched',
    async () => {
      const text = `# mine\n${JSON.stringify(settings)}\n`;
      writeFileSync(join(prefix, 'config.yml'), text);
      const next = await buildVariant({ of: join(folder, 'release'), folder: join(folder, 'next'), version: '0.2.0' });
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
      const broken = await buildVariant({ of: join(folder, 'release'), folder: place, version, change });
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
        of: join(folder, 'release'),
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
      const next = await buildVariant({ of: join(folder, 'release'), folder: place, version: '0.5.0' });
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
      expect(readFileSync(join(home, '.zshrc'), 'utf8').trim()).toBe('# theirs, without an end of line');
    },
    LONG,
  );
});
