import { spawn } from 'node:child_process';
import type { Environment } from '@moltbot/config';
import { CommandError } from '../exit-codes.js';

/** What install.sh says with `--json`. */
export interface InstallerReport {
  readonly version: string;
  readonly changed: boolean;
  /** The version that was in use before; empty: none. */
  readonly previous: string;
}

export interface RunInstallerOptions {
  /** install.sh */
  readonly script: string;
  readonly args: readonly string[];
  readonly env: Environment;
  /** Each line of its progress. */
  readonly onProgress: (line: string) => void;
}

/** Has install.sh do its work. @throws CommandError in its words; then what was in use still is */
export async function runInstaller({ script, args, env, onProgress }: RunInstallerOptions): Promise<InstallerReport> {
  const child = spawn('/bin/sh', [script, ...args, '--yes', '--json'], {
    env: { ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let rest = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onProgress(line);
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const said = readJson(stdout);
  if (code === 0 && said?.version !== undefined) {
    return { version: said.version, changed: said.changed === true, previous: said.previous ?? '' };
  }
  throw new CommandError('failed', said?.error?.message ?? `install.sh ended with ${code}`, {
    code: said?.error?.code ?? 'update_failed',
  });
}

interface Said {
  readonly version?: string;
  readonly changed?: boolean;
  readonly previous?: string;
  readonly error?: { readonly code?: string; readonly message?: string };
}

function readJson(text: string): Said | undefined {
  try {
    return JSON.parse(text.trim().split('\n').at(-1) ?? '') as Said;
  } catch {
    return undefined;
  }
}
