import 'reflect-metadata';
import { enableCompileCache } from 'node:module';
import { tuneGarbageCollection } from './tune-garbage-collection.js';

// Before anything is allocated: set after the imports it was without effect (64 KB prompts cost 2.2 times the bare pipe instead of 1.3).
// And before the cache, which is kept apart by the flags of V8.
tuneGarbageCollection();
// Compiled code is kept between starts: a good part of the time to ready.
enableCompileCache();
const { roleFailure } = await import('@moltbot/contracts');
try {
  const { serve } = await import('./serve.js');
  await serve({ argv: process.argv.slice(2) });
} catch (error) {
  const { exitCode, text, message } = roleFailure(error);
  process.stderr.write(`${text}\n`);
  // Whoever started us hears it too, before we end.
  if (process.connected) process.send?.(message, undefined, undefined, () => process.exit(exitCode));
  else process.exit(exitCode);
}
