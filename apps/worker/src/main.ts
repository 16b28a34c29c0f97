import { enableCompileCache } from 'node:module';

// Compiled code is kept between starts: a good part of the time to ready.
enableCompileCache();
const { MoltbotError } = await import('@moltbot/contracts');
try {
  const { serve } = await import('./serve.js');
  await serve({ argv: process.argv.slice(2) });
} catch (error) {
  // A refusal is one message that says what to do; a fault shows where it came from.
  const text =
    error instanceof MoltbotError ? `${error.code}: ${error.message}` : error instanceof Error ? error.stack : error;
  process.stderr.write(`${String(text)}\n`);
  process.exit(1);
}
