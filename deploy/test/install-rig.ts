import { afterAll, beforeAll } from '@jest/globals';
import { chmodSync, mkdirSync, mkdtempSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { buildBundle, ROOT } from './releases.js';
import { type Ran, runProgram, type RunOptions } from './run-program.js';

export const SCRIPT = join(ROOT, 'deploy/install/install.sh');
export const LONG = 120_000;

/** A user's home with a space in its name, and the bundle of version 0.1.0; made before the tests of a file, removed after. */
export function installRig() {
  const folder = mkdtempSync(join(tmpdir(), 'moltbot install '));
  const home = join(folder, 'a home');
  const prefix = join(home, '.moltbot');
  const release = join(folder, 'release');

  /** Nothing of ours, and a Node that is new enough. */
  const environment = (more: Readonly<Record<string, string>> = {}): Record<string, string> => ({
    PATH: `${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin`,
    HOME: home,
    LANG: 'C.UTF-8',
    ...more,
  });

  beforeAll(async () => {
    chmodSync(folder, 0o755);
    mkdirSync(home);
    await buildBundle(release, '0.1.0');
  }, LONG);

  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  return {
    folder,
    home,
    prefix,
    release,
    bundle: join(release, `moltbot-0.1.0-${process.platform}-${process.arch}.tar`),
    environment,
    install: async (args: readonly string[], options: RunOptions = {}): Promise<Ran> =>
      runProgram('sh', [SCRIPT, ...args], { env: environment(), cwd: folder, ...options }),
    moltbot: async (...args: string[]): Promise<Ran> =>
      runProgram(join(prefix, 'bin/moltbot'), args, { env: environment() }),
    inUse: (): string => readlinkSync(join(prefix, 'app/current')),
  };
}
