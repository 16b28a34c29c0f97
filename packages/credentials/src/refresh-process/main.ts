import { readOrder } from './read-order.js';

/*
 * The process that does one refresh. It belongs to no terminal and no process group of ours, so that whatever ends the server
 * leaves it alone: once the authorization server has replaced the refresh token, somebody has to live long enough to store it.
 * Its order comes through stdin; it prints nothing (the record says what came of it) and ends by itself.
 */

/** Besides what the order itself allows. */
const SLACK_MS = 30_000;
const EXIT = { done: 0, failed: 1, badOrder: 2 } as const;

// A service manager that stops everything at once asks this process too; it ends by itself in time.
for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM', 'SIGQUIT'] as const) process.on(signal, () => {});
process.on('uncaughtException', () => process.exit(EXIT.failed));

const order = await readOrder(process.stdin).catch(() => undefined);
// The parent was killed while it wrote: nothing was sent.
if (order === undefined) process.exit(EXIT.badOrder);

setTimeout(() => process.exit(EXIT.failed), 4 * order.timeoutMs + order.keepTryingMs + SLACK_MS).unref();
const { carryOut } = await import('./carry-out.js');
process.exit(
  await carryOut(order).then(
    () => EXIT.done,
    () => EXIT.failed,
  ),
);
