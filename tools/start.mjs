// `npx -y pnpm@12 start`: builds what changed, then becomes `moltbot start`.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { root, step } from './run.mjs';

const bin = (name) => join(root, 'node_modules', '.bin', name);
const node = existsSync(bin('node')) ? bin('node') : process.execPath;

if (Number(process.versions.node.split('.')[0]) < 22 && node === process.execPath) {
  console.error(
    `MoltBot needs Node 22.22 or newer (this is ${process.versions.node}) and the registry's own Node could not be installed.`,
  );
  console.error('Install Node 22 or newer and run the same command again.');
  process.exit(1);
}
if (!(await step('building', bin('turbo'), ['run', 'build', '--output-logs=errors-only']))) process.exit(1);

const child = spawn(node, [join(root, 'apps', 'cli', 'dist', 'main.js'), 'start', ...process.argv.slice(2)], {
  // The channel says nothing: that it closes tells the server that nobody is left who could pass on a signal.
  stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 143)));
