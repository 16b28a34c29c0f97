import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import type { MoltbotPaths } from '../environment/paths.js';
import { readSmallFile } from './read-file.js';

/** How the home folder and the two files stand, as far as the file system tells without reading them. */
export interface ConfigFiles {
  readonly home: FileMark;
  readonly config: FileMark;
  readonly auth: FileMark;
}

interface FileMark {
  readonly state: 'missing' | 'empty' | 'present';
  /** Another text means another content, or the same one written again. */
  readonly mark: string;
}

export async function lookAtConfigFiles(paths: MoltbotPaths): Promise<ConfigFiles> {
  const [home, config, auth] = await Promise.all([
    lookAtFolder(paths.home),
    lookAtFile(paths.configFile),
    lookAtFile(paths.authFile),
  ]);
  return { home, config, auth };
}

export function sameConfigFiles(left: ConfigFiles | undefined, right: ConfigFiles | undefined): boolean {
  return (
    left?.home.mark === right?.home.mark &&
    left?.config.mark === right?.config.mark &&
    left?.auth.mark === right?.auth.mark
  );
}

/** One text for the contents of both files; says nothing about them. */
export async function fingerprintOfConfigFiles(paths: MoltbotPaths): Promise<string> {
  const hash = createHash('sha256');
  for (const file of [paths.configFile, paths.authFile]) {
    const read = await readSmallFile(file);
    hash.update(JSON.stringify(read === undefined ? null : 'kind' in read ? read.detail : [read.text]));
  }
  return hash.digest('hex');
}

async function lookAtFile(file: string): Promise<FileMark> {
  try {
    const { dev, ino, mtimeNs, ctimeNs, size } = await stat(file, { bigint: true });
    return { state: size === 0n ? 'empty' : 'present', mark: [dev, ino, mtimeNs, ctimeNs, size].join(':') };
  } catch (error) {
    return missing(error);
  }
}

/** Only which folder it is: its times change with every file in it. */
async function lookAtFolder(folder: string): Promise<FileMark> {
  try {
    const { dev, ino } = await stat(folder, { bigint: true });
    return { state: 'present', mark: [dev, ino].join(':') };
  } catch (error) {
    return missing(error);
  }
}

function missing(error: unknown): FileMark {
  return { state: 'missing', mark: `missing ${(error as NodeJS.ErrnoException).code ?? ''}` };
}
