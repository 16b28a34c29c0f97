// Loads all code of the release once, so that Node keeps it compiled (NODE_COMPILE_CACHE).
import { readdirSync, readFileSync } from 'node:fs';
import { flushCompileCache } from 'node:module';

const code = new URL('../lib/', import.meta.url);
const entries = JSON.parse(readFileSync(new URL('entries.json', import.meta.url), 'utf8'));
for (const file of readdirSync(code)) {
  // An entry starts something; all else only defines.
  if (file.endsWith('.js') && !entries.includes(file)) await import(new URL(file, code).href);
}
flushCompileCache();
process.exit(0);
