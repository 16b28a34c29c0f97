import { setTimeout as delay } from 'node:timers/promises';
import type { ThreadHandler } from './thread-handlers.js';

/** Waits and works as it is told: what an operator sends through the queue to see that everything behind it works. */
export const probe: ThreadHandler<'probe'> = async ({ steps, wait_ms, busy_ms }, { progress, artifact }) => {
  const began = performance.now();
  for (let done = 1; done <= steps; done += 1) {
    if (wait_ms > 0) await delay(wait_ms);
    const until = performance.now() + busy_ms;
    while (performance.now() < until);
    progress({ done, of: steps });
  }
  const durationMs = Math.round(performance.now() - began);
  const text = `${steps} steps in ${durationMs} ms\n`;
  await artifact({ name: 'probe.txt', contentType: 'text/plain; charset=utf-8', bytes: Buffer.from(text) });
  return { steps, durationMs };
};
