import { execFile } from 'node:child_process';
import type { Environment } from '@moltbot/config';

export interface ProgramEnd {
  /** `undefined`: there is no such program, or it did not end in time. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export type RunProgram = (program: string, args: readonly string[]) => Promise<ProgramEnd>;

const WITHIN_MS = 120_000;

/** Runs a program of the system to its end; never rejects. */
export function programRunner(env: Environment): RunProgram {
  return async (program, args) =>
    new Promise((resolve) => {
      execFile(
        program,
        [...args],
        { env: { ...env }, timeout: WITHIN_MS, windowsHide: true },
        (error, stdout, stderr) => {
          const code = error === null ? 0 : typeof error.code === 'number' ? error.code : undefined;
          resolve({ code, stdout, stderr: stderr === '' && error !== null ? error.message : stderr });
        },
      );
    });
}
