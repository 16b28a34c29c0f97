import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from '@jest/globals';
import { type MoltbotPaths, moltbotPaths } from '../environment/paths.js';

export interface TemporaryHome {
  paths: MoltbotPaths;
  writeConfig(text: string): Promise<void>;
  writeAuth(text: string, mode?: number): Promise<void>;
}

/** A home folder of its own for each test of the file. */
export function temporaryHome(): TemporaryHome {
  const home = {
    async writeConfig(text: string) {
      await writeFile(home.paths.configFile, text);
    },
    async writeAuth(text: string, mode = 0o600) {
      await writeFile(home.paths.authFile, text);
      await chmod(home.paths.authFile, mode);
    },
  } as TemporaryHome;
  beforeEach(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'moltbot-config-'));
    home.paths = moltbotPaths({ env: { MOLTBOT_HOME: folder }, homeDirectory: '/nowhere' });
  });
  afterEach(() => rm(home.paths.home, { recursive: true, force: true }));
  return home;
}
