import { describe, expect, it } from '@jest/globals';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { installRig, LONG, SCRIPT } from './install-rig.js';
import { runProgram } from './run-program.js';

const { folder, home, prefix, bundle, environment, install, moltbot } = installRig();

/** Every file with the moment of its last change. */
const stamps = (place: string) =>
  readdirSync(place, { recursive: true, encoding: 'utf8' })
    .filter((name) => !name.includes('compile-cache'))
    .sort()
    .map((name) => `${name} ${statSync(join(place, name)).mtimeMs}`);

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

  it('takes no home and no folder of the system, by whatever way it is named: uninstalling would take `data` and `logs` of others', async () => {
    for (const other of [`${home}/.`, join(home, 'x', '..'), `${home}//`, '/usr/bin/..']) {
      const ran = await install(['--uninstall', '--yes', '--prefix', other]);
      expect([other, ran.code]).toEqual([other, 2]);
      expect(ran.stderr).toMatch(/can't be the prefix/);
    }
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
      const lock = join(other, 'app/.lock');
      const holder = () => Number(lstatSync(lock, { throwIfNoEntry: false }) && readlinkSync(lock).split('/')[0]);
      // Whoever has the lock stands still until the other has ended: on a busy machine it could be done before that one begins.
      let held: number | undefined;
      const watch = setInterval(() => {
        if (held !== undefined || !(holder() > 0)) return;
        held = holder();
        process.kill(-held, 'SIGSTOP');
      }, 2);
      const goOn = () => {
        clearInterval(watch);
        if (held !== undefined) process.kill(-held, 'SIGCONT');
      };
      const args = ['--from', bundle, '--yes', '--prefix', other, '--no-modify-path'];
      const both = [install(args), install(args)];
      try {
        const refused = await Promise.race(both);
        expect(refused.code).toBe(1);
        expect(refused.stderr).toContain(`another installation runs here (process ${held})`);
      } finally {
        goOn();
      }
      const ran = await Promise.all(both);
      expect(new Set(ran.map(({ code }) => code))).toEqual(new Set([0, 1]));
      expect(readFileSync(join(other, 'app/.moltbot'), 'utf8')).toBe('whole\n');
      rmSync(other, { recursive: true });
    },
    LONG,
  );

  it.each([
    ['app/theirs.txt'],
    ['data/theirs.db'],
    ['logs/theirs.log'],
    ['run/theirs.pid'],
    ['cache/theirs'],
    ['config.yml'],
    ['.theirs'],
  ])('leaves a folder alone that is not its own: one with %s', async (name) => {
    const other = join(folder, 'foreign');
    mkdirSync(dirname(join(other, name)), { recursive: true });
    writeFileSync(join(other, name), 'theirs');
    for (const more of [['--yes'], ['--dry-run']]) {
      const ran = await install(['--from', bundle, '--prefix', other, '--no-modify-path', ...more]);
      expect(ran.code).toBe(2);
      expect(ran.stderr).toMatch(/holds what is not MoltBot's \(.*uninstalling would take it away/);
    }
    expect((await install(['--uninstall', '--yes', '--prefix', other])).stderr).toMatch(/There is no MoltBot/);
    expect(readdirSync(other, { recursive: true }).length).toBe(name.split('/').length);
    expect(readFileSync(join(other, name), 'utf8')).toBe('theirs');
    rmSync(other, { recursive: true });
  });

  it.each([
    ['its home by default, where only the configuration is', '.moltbot', 'config.yml'],
    ['a home that has a database', 'elsewhere', 'data/postgres/data/PG_VERSION'],
    ['a folder that somebody marked', 'marked', '.moltbot-home'],
  ])('takes %s', async (_what, place, name) => {
    const own = join(folder, 'other user');
    const other = join(own, place);
    mkdirSync(dirname(join(other, name)), { recursive: true });
    writeFileSync(join(other, name), '');
    const env = environment({ HOME: own });
    const ran = await install(['--from', bundle, '--prefix', other, '--dry-run'], { env });
    expect([ran.code, ran.stderr]).toEqual([0, expect.stringContaining('would install MoltBot 0.1.0')]);
    rmSync(own, { recursive: true });
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
