// Loads everything that the roles and the command load, once, so that Node keeps the compiled code (NODE_COMPILE_CACHE).
import { readdirSync } from 'node:fs';
import { flushCompileCache } from 'node:module';

const root = new URL('../', import.meta.url);
// `main.js` starts something; all else only defines.
const STARTS = /(^|[/\\])(main|.*-main|.*-thread)\.js$/;
for (const folder of ['apps/cli/dist', 'apps/primary/dist', 'apps/worker/dist']) {
  for (const file of readdirSync(new URL(folder, root), { recursive: true })) {
    if (!file.endsWith('.js') || STARTS.test(file)) continue;
    await import(new URL(`${folder}/${file}`, root));
  }
}
flushCompileCache();
process.exit(0);
