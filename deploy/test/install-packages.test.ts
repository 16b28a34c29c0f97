import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type LocalRegistry, npmFolder, openLocalRegistry, publishCompanions } from './local-registry.js';
import { buildPackage, ROOT } from './releases.js';
import { runProgram } from './run-program.js';

const LONG = 180_000;
const read = (path: string) => readFileSync(path, 'utf8');

// GNU tar packs what the registry of these tests holds.
if (process.platform !== 'linux') {
  it('the package is tried with npm, pnpm and bun on Linux: not checked here', () => {
    process.stdout.write('NOT CHECKED: the package with npm, pnpm and bun\n');
    expect(process.platform).not.toBe('linux');
  });
} else
  describe('the package', () => {
    let folder: string;
    let tarball: string;
    let registry: LocalRegistry;

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'moltbot-package-'));
      tarball = await buildPackage(join(folder, 'one'), '0.1.0');
      registry = await openLocalRegistry();
      registry.publish(readFileSync(tarball));
      publishCompanions(registry);
    }, LONG);

    afterAll(async () => {
      await registry?.close();
      rmSync(folder, { recursive: true, force: true });
    });

    it(
      'is the same bytes when it is built again',
      async () => {
        const again = await buildPackage(join(folder, 'two'), '0.1.0');
        expect(readFileSync(again).equals(readFileSync(tarball))).toBe(true);
      },
      LONG,
    );

    it('holds no trace of the machine that built it, and the licences of what is in it', () => {
      const place = join(folder, 'one/package');
      const names = read(join(place, 'SHA256SUMS'))
        .trim()
        .split('\n')
        .map((line) => line.slice(66));
      for (const name of names) expect([name, read(join(place, name)).includes(ROOT)]).toEqual([name, false]);
      const notices = read(join(place, 'THIRD-PARTY-NOTICES.txt'));
      for (const library of ['fastify', '@nestjs/core', 'bullmq', 'undici', '@bull-board/ui']) {
        expect(notices).toMatch(new RegExp(`\n${library} \\d+\\.\\d+`));
      }
      expect(names).toEqual(expect.arrayContaining(['LICENSE', 'install.sh', 'lib/moltbot.js', 'lib/primary.js']));
    });

    it('has the constants of release.json in install.sh', () => {
      const release = JSON.parse(read(join(ROOT, 'deploy/install/release.json'))) as Record<string, string>;
      const script = read(join(folder, 'one/install.sh'));
      expect(script).toContain(`\nPACKAGE='${release['package']}'\n`);
      expect(script).toContain(`\nREGISTRY='${release['registry']}'\n`);
      expect(script).not.toContain('# release.json');
      // Nobody's until we have our own: neither may be installed from by mistake.
      expect(release).toMatchObject({ registry: '', host: '' });
    });

    const managers = [
      {
        name: 'npm',
        install: (place: string) => [
          process.execPath,
          join(npmFolder(), 'bin/npm-cli.js'),
          'install',
          '--global',
          '--prefix',
          place,
          // With --global npm reads no .npmrc of the folder.
          '--registry',
          registry.url,
          '--no-audit',
          '--no-fund',
          'moltbot',
        ],
        command: 'bin/moltbot',
      },
      {
        // pnpm refuses packages with install scripts unless told about them; MoltBot needs none to run.
        name: 'pnpm',
        install: () => ['npx', '-y', 'pnpm@12', 'add', '--ignore-scripts', 'moltbot'],
        command: 'node_modules/.bin/moltbot',
      },
      {
        name: 'bun',
        install: () => ['npx', '-y', 'bun@1.4.5', 'add', 'moltbot'],
        command: 'node_modules/.bin/moltbot',
      },
    ];

    it.each(managers)(
      'is installed by $name from a registry, and runs',
      async ({ name, install, command }) => {
        const place = join(folder, name);
        rmSync(place, { recursive: true, force: true });
        mkdirSync(place);
        const home = join(place, 'home');
        mkdirSync(home);
        // The package manager itself comes from where npm gets it here; what it installs, from the registry of this test.
        writeFileSync(join(place, 'package.json'), '{"name":"a-place","version":"1.0.0","private":true}');
        writeFileSync(join(place, '.npmrc'), `registry=${registry.url}\n`);
        writeFileSync(
          join(place, 'bunfig.toml'),
          `[install]\nregistry = "${registry.url}"\n[install.cache]\ndir = "${home}/cache"\n`,
        );
        const [program = '', ...args] = await prepared(install(place), place);
        const began = performance.now();
        const ran = await runProgram(program, args, { cwd: place, env: environment(home) });
        const seconds = (performance.now() - began) / 1_000;
        expect([ran.code, ran.code === 0 ? '' : ran.stdout + ran.stderr]).toEqual([0, '']);
        process.stdout.write(`${name}: installed in ${seconds.toFixed(1)} s\n`);
        const version = await runProgram(join(place, command), ['--version'], { env: environment(home) });
        expect(version.stdout).toBe('0.1.0\n');
        const trial = await runProgram(join(place, command), ['service', 'test', '--json'], { env: environment(home) });
        expect([trial.code, trial.stderr]).toEqual([0, '']);
        expect(JSON.parse(trial.stdout)).toMatchObject({ ready: true });
        expect(statSync(join(place, command)).isFile()).toBe(true);
        const update = await runProgram(join(place, command), ['update'], { env: environment(home) });
        expect([update.code, update.stderr]).toEqual([4, expect.stringContaining('installed by a package manager')]);
      },
      LONG,
    );

    function environment(home: string): Record<string, string | undefined> {
      return {
        ...Object.fromEntries(
          Object.entries(process.env).filter(([name]) => !/^(npm_|NPM_|MOLTBOT_|NODE_OPTIONS|NODE_ENV)/.test(name)),
        ),
        PATH: `${dirname(process.execPath)}:${process.env['PATH']}`,
        MOLTBOT_HOME: join(home, '.moltbot'),
        npm_config_store_dir: join(home, 'store'),
        npm_config_update_notifier: 'false',
        CI: '1',
      };
    }

    /** The program behind `npx -y NAME`, fetched without the registry of this test. */
    async function prepared(command: readonly string[], place: string): Promise<readonly string[]> {
      if (command[0] !== 'npx') return command;
      const [, , name = '', ...rest] = command;
      const at = join(place, 'tool');
      mkdirSync(at);
      const npm = join(npmFolder(), 'bin/npm-cli.js');
      const got = await runProgram(
        process.execPath,
        [npm, 'install', '--prefix', at, '--no-audit', '--no-fund', name],
        {
          cwd: at,
        },
      );
      expect([got.code, got.code === 0 ? '' : got.stderr]).toEqual([0, '']);
      return [join(at, 'node_modules/.bin', name.split('@')[0] ?? ''), ...rest];
    }
  });
