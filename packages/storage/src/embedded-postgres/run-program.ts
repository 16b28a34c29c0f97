import { type ChildProcess, spawn } from 'node:child_process';
import { MoltbotError } from '@moltbot/contracts';
import type { ServerUser } from './server-user.js';

/** What every program of PostgreSQL is started with: no environment but the language of its messages. */
export function programOptions(user: ServerUser | undefined, cwd: string) {
  return {
    cwd,
    env: { LC_ALL: 'C', LANG: 'C' },
    windowsHide: true,
    // 32 bits with a sign, as spawn wants them (macOS: nobody is -2).
    ...(user === undefined ? {} : { uid: user.uid | 0, gid: user.gid | 0 }),
  } as const;
}

export interface ProgramResult {
  readonly code: number | null;
  /** The end of what it printed. */
  readonly output: string;
}

const MAX_OUTPUT = 8_192;

/** Runs a program to its end. @throws MoltbotError `storage_unavailable` where it can't be started or takes too long */
export async function runProgram(options: {
  readonly program: string;
  readonly args: readonly string[];
  readonly user: ServerUser | undefined;
  readonly cwd: string;
  readonly timeoutMs: number;
}): Promise<ProgramResult> {
  const child = spawn(options.program, options.args, {
    ...programOptions(options.user, options.cwd),
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: options.timeoutMs,
    killSignal: 'SIGKILL',
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-MAX_OUTPUT);
    });
  }
  const code = await ended(child, options.program);
  return { code, output: output.trim() };
}

function ended(child: ChildProcess, program: string): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once('error', (error) => reject(cannotStart(program, error)));
    child.once('close', resolve);
  });
}

/** ENOENT of a program that is there means that its loader is not: the packages are for glibc. */
export function cannotStart(program: string, cause: NodeJS.ErrnoException): MoltbotError {
  const why =
    cause.code === 'ENOENT' && process.platform === 'linux'
      ? 'it needs glibc, and this system (Alpine?) has none: set `storage.url` to a PostgreSQL server'
      : (cause.code ?? cause.message);
  return new MoltbotError(
    'storage_unavailable',
    `The embedded database's program ${program} can't be started: ${why}.`,
    {
      cause,
    },
  );
}
