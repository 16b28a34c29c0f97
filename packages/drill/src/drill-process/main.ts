import { setPriority } from 'node:os';
import { text } from 'node:stream/consumers';
import { MoltbotError } from '@moltbot/contracts';
import { runDrill } from '../run-drill.js';
import type { DrillMessage, DrillOrder } from './drill-messages.js';

/*
 * The process of one drill that a server asks for: what it does to sockets, memory and the processor is nobody else's. Its order
 * comes through stdin, one line for each step goes to stdout; when stdin's other end is gone it ends.
 */

const LOW_PRIORITY = 10;

try {
  setPriority(LOW_PRIORITY);
} catch {
  // Not everywhere allowed; it is done all the same.
}

function say(message: DrillMessage): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

// Whoever asked for it is gone.
process.stdout.on('error', () => process.exit(1));
const order = JSON.parse(await text(process.stdin)) as DrillOrder;
try {
  const report = await runDrill({ ...order, onRun: ({ done, of }) => say({ type: 'progress', done, of }) });
  say({ type: 'report', report });
} catch (error) {
  const told = error instanceof MoltbotError ? error : new MoltbotError('internal_error', String(error));
  say({ type: 'error', code: told.code, message: told.message });
}
