import 'reflect-metadata';
import { enableCompileCache, flushCompileCache } from 'node:module';
import { tuneGarbageCollection } from './tune-garbage-collection.js';

// Compiled code is kept between starts: a good part of the time to ready.
enableCompileCache();
const { roleFailure } = await import('@moltbot/contracts');
try {
  const { serve } = await import('./serve.js');
  // V8 takes no code that was compiled under other flags: what is loaded by now is kept before they change.
  flushCompileCache();
  tuneGarbageCollection();
  await serve({ argv: process.argv.slice(2) });
} catch (error) {
  const { exitCode, text, message } = roleFailure(error);
  process.stderr.write(`${text}\n`);
  // Whoever started us hears it too, before we end.
  if (process.connected) process.send?.(message, undefined, undefined, () => process.exit(exitCode));
  else process.exit(exitCode);
}
