// Runs one step of a script: its name and time on one line, its output only when it fails.
import { spawn } from 'node:child_process';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');

/** @returns {Promise<{code: number, output: string}>} */
export function run(command, args, { show = false, env = {} } = {}) {
  return new Promise((done) => {
    const child = spawn(command, args, {
      cwd: root,
      env: { ...process.env, TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const take = (chunk) => {
      output += chunk;
      if (show) process.stdout.write(chunk);
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.on('error', (error) => done({ code: 127, output: `${command}: ${error.message}\n` }));
    child.on('close', (code, signal) => done({ code: code ?? (signal ? 1 : 0), output }));
  });
}

/** Prints `name … ok 1.2 s`; on failure the whole output. @returns whether it passed */
export async function step(name, command, args, options) {
  process.stdout.write(`${name} …`);
  const start = performance.now();
  const { code, output } = await run(command, args, options);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  process.stdout.write(code === 0 ? ` ok ${seconds} s\n` : ` FAILED ${seconds} s\n${output}\n`);
  return code === 0;
}
