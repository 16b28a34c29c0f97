import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** Starts `budget-user.ts`; `line` is what it was given. */
export function startBudgetUser(values: readonly string[]) {
  const loader = fileURLToPath(new URL('./source-loader.mjs', import.meta.url));
  const program = fileURLToPath(new URL('./budget-user.ts', import.meta.url));
  const child = spawn(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      '--conditions=source',
      '--import',
      loader,
      program,
      ...values,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const exited = once(child, 'close');
  const line = Promise.race([
    once(createInterface({ input: child.stdout }), 'line').then(
      ([text]) => JSON.parse(String(text)) as { granted: number; settled: number },
    ),
    exited.then(() => {
      throw new Error(`the process ended: ${errors}`);
    }),
  ]);
  line.catch(() => undefined);
  return { child, exited, line };
}
