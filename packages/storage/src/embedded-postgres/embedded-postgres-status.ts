import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { findServer } from './running-server.js';
import { serverDirectories } from './server-directories.js';
import { countUses } from './server-uses.js';

/** What is to be seen of the embedded server from outside. */
export type EmbeddedPostgresStatus =
  /** No database was made here yet. */
  | { readonly state: 'absent'; readonly log: string }
  | { readonly state: 'stopped'; readonly log: string; readonly directory: string }
  | {
      readonly state: 'running';
      readonly log: string;
      readonly directory: string;
      readonly pid: number;
      /** Folder of the socket, or address. */
      readonly host: string;
      /** Uses by living processes; 0: nobody is left to stop it. */
      readonly uses: number;
    };

/** Looks at files and processes only: starts nothing, connects to nothing. */
export function embeddedPostgresStatus(options: { readonly dataDirectory: string }): EmbeddedPostgresStatus {
  const directories = serverDirectories(resolve(options.dataDirectory));
  const { data: directory, log } = directories;
  if (!existsSync(directory)) return { state: 'absent', log };
  const found = findServer(directories);
  if (found === undefined) return { state: 'stopped', log, directory };
  const { identity, listening } = found;
  return {
    state: 'running',
    log,
    directory,
    pid: identity.pid,
    host: listening.host,
    uses: countUses(directories.uses),
  };
}
