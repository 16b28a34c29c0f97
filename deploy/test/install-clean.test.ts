import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type CleanRoot, cleanRootLacks, makeCleanRoot } from './clean-root.js';
import { type LocalRegistry, nodePackageOf, openLocalRegistry, publishCompanions } from './local-registry.js';
import { buildBundle, buildPackage, ROOT } from './releases.js';

const LONG = 180_000;
const SCRIPT = join(ROOT, 'deploy/install/install.sh');
const lacks = await cleanRootLacks();

if (lacks !== undefined) {
  it('install.sh on a clean system needs root, debootstrap and namespaces: not checked here', () => {
    process.stdout.write(`NOT CHECKED on a clean system: this machine lacks ${lacks}\n`);
    expect(process.env['MOLTBOT_REQUIRE_CLEAN_ROOT']).not.toBe('1');
  });
} else {
  describe('install.sh on a clean system', () => {
    let folder: string;
    let root: CleanRoot;
    let registry: LocalRegistry;
    /** Online, Node of its own: in seconds, as it is measured. */
    const seconds: Record<string, number> = {};
    const node24 = '/opt/node24:/usr/bin:/bin';
    const node20 = '/opt/node20:/usr/bin:/bin';

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'moltbot-install-'));
      chmodSync(folder, 0o755);
      const release = join(folder, 'release');
      mkdirSync(release);
      const making = makeCleanRoot({ shared: { [release]: '/release', [dirname(process.execPath)]: '/opt/node24' } });
      await buildBundle(release, '0.1.0');
      const tarball = await buildPackage(join(folder, 'package'), '0.1.0');
      registry = await openLocalRegistry();
      registry.publish(readFileSync(tarball));
      publishCompanions(registry, nodePackageOf(SCRIPT));
      root = await making;
      mkdirSync(join(root.path, 'opt/node20'));
      // Says what a Node 20 says; that one would run nothing of ours.
      writeFileSync(join(root.path, 'opt/node20/node'), '#!/bin/sh\necho 20.20.2\n', { mode: 0o755 });
      copyFileSync(SCRIPT, join(root.path, 'opt/install.sh'));
    }, LONG);

    afterAll(async () => {
      process.stdout.write(`install.sh: ${JSON.stringify(seconds)} seconds\n`);
      await registry.close();
      root.remove();
      rmSync(folder, { recursive: true, force: true });
    });

    const timed = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
      const began = performance.now();
      const result = await work();
      seconds[name] = Math.round((performance.now() - began) / 100) / 10;
      return result;
    };

    it(
      'without Node and without a network: from a bundle, into a path with spaces, and --uninstall leaves nothing',
      async () => {
        const ann = root.addUser('ann');
        const before = await root.files();
        const input = readFileSync(SCRIPT);
        const flags = "--from /release --yes --prefix '/home/ann/a place'";
        const first = await timed('bundle', async () =>
          ann.run(`bash -s -- ${flags} --json`, { input, offline: true }),
        );
        expect(first.stderr).toMatch(/unpacking Node/);
        expect(first.code).toBe(0);
        expect(JSON.parse(first.stdout)).toMatchObject({
          version: '0.1.0',
          changed: true,
          prefix: '/home/ann/a place',
        });
        const again = await ann.run(`bash -s -- ${flags} --json`, { input, offline: true });
        expect(JSON.parse(again.stdout)).toMatchObject({ changed: false });
        // A shell that starts now finds it, and it answers: with the demo model, which needs no network.
        const chat = await ann.run(
          `bash -ic 'moltbot start >/dev/null 2>&1 & for i in $(seq 100); do moltbot status >/dev/null 2>&1 && break; sleep 0.2; done
          moltbot chat Hello; moltbot service status --json; kill %1; wait'`,
          { offline: true },
        );
        expect(chat.stdout).toContain('[SIMULATED]');
        expect(chat.stdout).toContain('{"manager":null,"installed":false,"active":false}');
        expect(existsSync(join(root.path, 'home/ann/a place/data'))).toBe(true);
        const gone = await ann.run(`sh /opt/install.sh --uninstall --yes --prefix '/home/ann/a place'`, {
          offline: true,
        });
        expect(gone.stderr).toBe('MoltBot is gone from /home/ann/a place.\n');
        expect(await root.files()).toEqual(before);
      },
      LONG,
    );

    it(
      'with Node 20: a Node of its own and npm, from the registry, checked by their checksums',
      async () => {
        const bob = root.addUser('bob');
        const command = `sh /opt/install.sh --registry ${registry.url} --yes --no-modify-path`;
        const node = nodePackageOf(SCRIPT).name;
        for (const name of [node, 'npm', 'moltbot']) {
          registry.damage(name);
          const refused = await bob.run(command, { path: node20 });
          expect(refused.code).toBe(1);
          expect(refused.stderr).toMatch(
            name === 'moltbot' ? /EINTEGRITY/ : new RegExp(`${name} \\S+ is damaged: its SHA-512`),
          );
          expect(existsSync(join(root.path, 'home/bob/.moltbot/bin'))).toBe(false);
          // What was whole is kept for the next run.
          expect(refused.stderr.includes('getting Node')).toBe(name !== 'moltbot');
        }
        registry.damage(undefined);
        const ran = await timed('registry', async () => bob.run(command, { path: node20 }));
        expect(ran.code).toBe(0);
        expect(registry.asked).toContain('moltbot/latest');
        const version = await bob.run(
          '.moltbot/bin/moltbot --version; ls .moltbot/app/node; du -sm .moltbot | cut -f 1',
          { path: node20 },
        );
        expect(version.stdout).toMatch(/^0\.1\.0\n\d+\.\d+\.\d+\n\d+\n$/);
        seconds['MB with Node'] = Number(version.stdout.trim().split('\n').at(-1));
        expect(
          JSON.parse((await bob.run(`.moltbot/bin/moltbot update --check --registry ${registry.url} --json`)).stdout),
        ).toEqual({
          version: '0.1.0',
          newest: '0.1.0',
          updateAvailable: false,
        });
      },
      LONG,
    );

    it(
      'with Node 24: that one is used, in a home that can only be read, with a prefix elsewhere',
      async () => {
        const cat = root.addUser('cat');
        mkdirSync(join(root.path, 'srv/cat'), { recursive: true });
        chownSync(join(root.path, 'srv/cat'), cat.id, cat.id);
        chownSync(join(root.path, cat.home), 0, 0);
        const command = `sh /opt/install.sh --from /release --yes --prefix /srv/cat/moltbot`;
        const ran = await cat.run(command, { path: node24, offline: true });
        expect(ran.code).toBe(0);
        expect(ran.stderr).toMatch(/\.bashrc can't be written: add \/srv\/cat\/moltbot\/bin to PATH yourself/);
        const where = await cat.run(
          '/srv/cat/moltbot/bin/moltbot service test --json; ls /srv/cat/moltbot/app; du -sm /srv/cat/moltbot | cut -f 1',
          { path: node24, offline: true },
        );
        expect(where.stdout).toMatch(/^\{"ready":true,"readyMs":\d+\}\n/);
        expect(where.stdout).not.toMatch(/^node$/m);
        const megabytes = Number(where.stdout.trim().split('\n').at(-1));
        expect(megabytes).toBeLessThan(150);
        seconds['MB'] = megabytes;
        // The Node of that day is gone: another is found.
        const other = await cat.run(
          'echo /gone >/srv/cat/moltbot/app/node-path; /srv/cat/moltbot/bin/moltbot --version',
          { path: node24 },
        );
        expect(other.stdout).toBe('0.1.0\n');
        expect((await cat.run('/srv/cat/moltbot/bin/moltbot --version')).stderr).toMatch(/there is no Node any more/);
      },
      LONG,
    );

    it(
      'as root, whose database lives elsewhere: --uninstall finds that too, and --keep-data leaves it',
      async () => {
        const admin = root.addUser('root', { id: 0 });
        const before = await root.files();
        const command = 'sh /opt/install.sh --from /release --yes --no-modify-path';
        const start = `.moltbot/bin/moltbot start >log 2>&1 & for i in $(seq 100); do .moltbot/bin/moltbot status >/dev/null 2>&1 && break; sleep 0.2; done
        .moltbot/bin/moltbot keys create laptop >/dev/null; kill $!; wait; rm log`;
        expect((await admin.run(`${command} && ${start}`, { path: node24, offline: true })).code).toBe(0);
        expect(existsSync(join(root.path, 'var/lib/moltbot'))).toBe(true);
        expect(
          (await admin.run('sh /opt/install.sh --uninstall --yes --keep-data', { path: node24, offline: true })).code,
        ).toBe(0);
        expect(existsSync(join(root.path, 'root/.moltbot/data'))).toBe(true);
        expect(existsSync(join(root.path, 'root/.moltbot/app'))).toBe(false);
        // The data is found again.
        const back = await admin.run(`${command} && .moltbot/bin/moltbot keys list`, { path: node24, offline: true });
        expect(back.stdout).toContain('laptop');
        expect((await admin.run('sh /opt/install.sh --uninstall --yes', { path: node24, offline: true })).code).toBe(0);
        expect(await root.files()).toEqual(before);
      },
      LONG,
    );
  });
}
