import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

interface Line {
  readonly type: string;
  readonly [key: string]: unknown;
}

export interface DatabaseUser {
  readonly child: ChildProcess;
  /** The next line of this type; rejects where the process ends before. */
  next(type: string): Promise<Line>;
  say(command: 'query' | 'stop'): void;
  exited: Promise<unknown>;
}

const LOADER = fileURLToPath(new URL('./source-loader.mjs', import.meta.url));
const PROGRAM = fileURLToPath(new URL('./database-user.ts', import.meta.url));

/** Starts `database-user.ts` on the folder, in a process group of its own. */
export function startDatabaseUser(dataDirectory: string): DatabaseUser {
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', '--conditions=source', '--import', LOADER, PROGRAM, dataDirectory],
    { stdio: ['pipe', 'pipe', 'pipe'], detached: true },
  );
  const lines: Line[] = [];
  const waiting: { type: string; take: (line: Line) => void; fail: (error: Error) => void }[] = [];
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  createInterface({ input: child.stdout }).on('line', (text) => {
    const line = JSON.parse(text) as Line;
    const index = waiting.findIndex(({ type }) => type === line.type);
    if (index === -1) lines.push(line);
    else waiting.splice(index, 1)[0]?.take(line);
  });
  const exited = once(child, 'close').then(() => {
    for (const { type, fail } of waiting) fail(new Error(`the process ended before "${type}": ${errors}`));
  });
  return {
    child,
    exited,
    next(type) {
      const index = lines.findIndex((line) => line.type === type);
      if (index !== -1) return Promise.resolve(lines.splice(index, 1)[0] as Line);
      return new Promise((take, fail) => {
        waiting.push({ type, take, fail });
      });
    },
    say(command) {
      child.stdin?.write(`${command}\n`);
    },
  };
}
