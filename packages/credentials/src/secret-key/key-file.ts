import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { MoltbotError, Secret } from '@moltbot/contracts';
import { isCode } from '../stores/durable-file.js';
import { writeExclusively } from './exclusive-file.js';

const MAX_BYTES = 4_096;

export function keyFile(home: string): string {
  return join(home, 'secret.key');
}

/** `undefined` where there is none. @throws MoltbotError `secret_key_unavailable` where others can read it, and what `fs` throws */
export async function readKeyFile(home: string, platform: NodeJS.Platform): Promise<Secret | undefined> {
  const file = keyFile(home);
  try {
    // Without O_NONBLOCK, opening a pipe waits for a writer.
    const handle = await open(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    try {
      const { mode } = await handle.stat();
      if (platform !== 'win32' && (mode & 0o077) !== 0) throw tooOpen(file, mode);
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(MAX_BYTES), 0, MAX_BYTES, 0);
      return new Secret(buffer.toString('utf8', 0, bytesRead).trim());
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** @returns whether there was none before */
export async function writeKeyFile(home: string, key: Secret): Promise<boolean> {
  return writeExclusively(keyFile(home), `${key.reveal()}\n`);
}

function tooOpen(file: string, mode: number): MoltbotError {
  const shown = `0${(mode & 0o777).toString(8)}`;
  const quoted = /^[\w@%+=:,./-]+$/.test(file) ? file : `'${file.replaceAll("'", String.raw`'\''`)}'`;
  return new MoltbotError(
    'secret_key_unavailable',
    `${file} has mode ${shown}: other users of this machine can read the key. Run \`chmod 600 ${quoted}\`.`,
  );
}
