import type { BullQueue } from './queue-backend.js';

/** For how many ms the next job of a queue has been due: the first without a priority, or the first of the highest one. */
export async function oldestWait(queue: BullQueue): Promise<number> {
  const heads = await Promise.all([queue.getJobs(['waiting'], 0, 0, true), queue.getJobs(['prioritized'], 0, 0, true)]);
  const now = Date.now();
  let longest = 0;
  for (const job of heads.flat()) {
    // One that was tried before waits since then at the longest; it may be gone by now.
    if (job === undefined || job === null) continue;
    const due = Math.max(job.timestamp + (job.opts.delay ?? 0), job.processedOn ?? 0);
    longest = Math.max(longest, now - due);
  }
  return longest;
}
