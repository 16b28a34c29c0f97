import { type ChildProcess, spawn } from 'node:child_process';
import type { Environment } from './environment/environment.js';

export interface SecretCommandOptions {
  /** For `/bin/sh -c`. */
  readonly command: string;
  readonly env: Environment;
  /** Where it runs. */
  readonly folder: string;
  readonly timeoutMs: number;
  readonly maxBytes: number;
}

/** Why there is no output; words without anything that the command wrote. */
export type SecretCommandResult = { readonly output: string } | { readonly failure: string };

/** A child may have left the pipe to a child of its own that lives on. */
const PIPE_GRACE_MS = 200;

/** Runs a command in a process group of its own, with nothing to read; after the time the whole group is killed. */
export async function runSecretCommand(options: SecretCommandOptions): Promise<SecretCommandResult> {
  const { command, env, folder, timeoutMs, maxBytes } = options;
  let child: ChildProcess;
  try {
    const stdio = ['ignore', 'pipe', 'pipe'] as const;
    child = spawn('/bin/sh', ['-c', command], { cwd: folder, env: { ...env }, detached: true, stdio: [...stdio] });
  } catch (error) {
    return { failure: `it can’t be started (${codeOf(error)})` };
  }
  return new Promise((resolve) => {
    const pieces: Buffer[] = [];
    let length = 0;
    let errorLength = 0;
    let grace: NodeJS.Timeout | undefined;
    let finished = false;

    function finish(result: SecretCommandResult): void {
      finished = true;
      clearTimeout(limit);
      clearTimeout(grace);
      child.stdout?.destroy();
      child.stderr?.destroy();
      resolve(result);
    }
    function stop(failure: string): void {
      killGroup(child);
      finish({ failure });
    }
    function ended(code: number | null, signal: string | null): void {
      if (code === 0) finish({ output: Buffer.concat(pieces).toString('utf8') });
      else {
        const how = code === null ? `was ended by ${signal}` : `ended with exit code ${code}`;
        finish({ failure: `it ${how}, after ${errorLength} bytes on standard error (not shown)` });
      }
    }

    const limit = setTimeout(() => stop(`it did not end within ${timeoutMs} ms`), timeoutMs);
    child.on('error', (error) => finish({ failure: `it can’t be started (${codeOf(error)})` }));
    child.stdout?.on('data', (piece: Buffer) => {
      length += piece.length;
      if (length > maxBytes) stop(`it wrote more than ${maxBytes} bytes`);
      else pieces.push(piece);
    });
    child.stderr?.on('data', (piece: Buffer) => {
      errorLength += piece.length;
    });
    child.on('close', ended);
    child.on('exit', (code, signal) => {
      if (!finished) grace = setTimeout(() => ended(code, signal), PIPE_GRACE_MS);
    });
  });
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has just ended.
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException | undefined)?.code ?? 'unknown';
}
