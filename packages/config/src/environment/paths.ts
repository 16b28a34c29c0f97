import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { Environment } from './environment.js';

/** Where everything of one installation is; absolute. The folders are made by whoever writes there first. */
export interface MoltbotPaths {
  /** `~/.moltbot`, or what `MOLTBOT_HOME` says. */
  readonly home: string;
  readonly configFile: string;
  readonly authFile: string;
  /** The embedded database and what else must outlive a restart. */
  readonly dataDirectory: string;
  readonly logsDirectory: string;
  /** Process ids and sockets: worthless after a restart of the machine. */
  readonly runDirectory: string;
  /** May be emptied at any time. */
  readonly cacheDirectory: string;
}

/** The paths under `MOLTBOT_HOME` (a leading `~` is the home directory), else under `homeDirectory/.moltbot`. Reads nothing. */
export function moltbotPaths(options: { env: Environment; homeDirectory: string }): MoltbotPaths {
  const home = homeOf(options);
  return {
    home,
    configFile: join(home, 'config.yml'),
    authFile: join(home, 'auth.json'),
    dataDirectory: join(home, 'data'),
    logsDirectory: join(home, 'logs'),
    runDirectory: join(home, 'run'),
    cacheDirectory: join(home, 'cache'),
  };
}

/** Tells the processes of one home from those of another without saying where it is: 12 hexadecimal digits. */
export function homeTag({ home }: MoltbotPaths): string {
  return createHash('sha256').update(realPath(home)).digest('hex').slice(0, 12);
}

/** Also of what is not there yet: a process may ask before the home is made. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(realPath(parent), basename(path));
  }
}

function homeOf({ env, homeDirectory }: { env: Environment; homeDirectory: string }): string {
  const named = env.MOLTBOT_HOME?.trim() ?? '';
  if (named === '') return resolve(homeDirectory, '.moltbot');
  return resolve(/^~(?=[/\\]|$)/.test(named) ? homeDirectory + named.slice(1) : named);
}
