// Loads all code of the release once, so that Node keeps it compiled (NODE_COMPILE_CACHE).
import { readdirSync } from 'node:fs';
import { flushCompileCache } from 'node:module';

const [folder, ...entries] = process.argv.slice(2);
for (const file of readdirSync(folder)) {
  // An entry starts something; all else only defines.
  if (file.endsWith('.js') && !entries.includes(file)) await import(`${folder}/${file}`);
}
flushCompileCache();
process.exit(0);
