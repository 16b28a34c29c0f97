import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** `postmaster.pid`: what a running server says of itself. Source: PostgreSQL, src/include/utils/pidfile.h. */
export interface PostmasterFile {
  readonly pid: number;
  readonly port: number;
  readonly socketDirectory: string;
  readonly listenAddress: string;
  readonly status: 'starting' | 'stopping' | 'ready' | 'standby' | 'unknown';
}

const STATUS = ['starting', 'stopping', 'ready', 'standby'] as const;

/** `undefined` where there is none, or its number is unreadable. A file that is just being written has status `unknown`. */
export function readPostmasterFile(dataDirectory: string): PostmasterFile | undefined {
  try {
    return parsePostmasterFile(readFileSync(postmasterFilePath(dataDirectory), 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

export function postmasterFilePath(dataDirectory: string): string {
  return join(dataDirectory, 'postmaster.pid');
}

export function parsePostmasterFile(text: string): PostmasterFile | undefined {
  const lines = text.split('\n').map((line) => line.trim());
  const pid = Number(lines[0]);
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined;
  return {
    pid,
    port: Number(lines[3] ?? 0),
    socketDirectory: lines[4] ?? '',
    listenAddress: lines[5] ?? '',
    status: STATUS.find((status) => status === lines[7]) ?? 'unknown',
  };
}
