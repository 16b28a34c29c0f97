import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Secret } from '@moltbot/contracts';
import type { Keyring } from '../secret-key/keyring.js';

/** A keyring that is a folder, so that several processes share it. */
export function fileKeyring(folder: string): Keyring {
  const fileOf = (account: string) => join(folder, encodeURIComponent(account));
  return {
    async read(account) {
      try {
        return new Secret(await readFile(fileOf(account), 'utf8'));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }
    },
    async write(account, secret) {
      await mkdir(folder, { recursive: true });
      await writeFile(fileOf(account), secret.reveal());
    },
    async remove(account) {
      await rm(fileOf(account), { force: true });
    },
  };
}

/** It is there, and never answers. */
export const hungKeyring: Keyring = {
  read: () => new Promise(() => {}),
  write: () => new Promise(() => {}),
  remove: () => new Promise(() => {}),
};
