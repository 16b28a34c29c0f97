import type { JobHandler } from '../deps.js';

/** Its own job may only wait for its turn: that one and another do no harm, but one an hour is enough. */
const UNHEARD_MS = 600_000;
const HOUR_MS = 3_600_000;
const MOST = 100;

/** Begins batches again whose job was never made, or ended without them. */
export const batchSweep: JobHandler<'batch-sweep'> = async (_payload, deps, context) => {
  const { batches } = await deps.storage();
  const now = Date.now();
  const unheard = await batches.unheard({ before: now - UNHEARD_MS, limit: MOST });
  for (const { id } of unheard) {
    context.signal.throwIfAborted();
    await context.followUp('batch', { batch_id: id }, { key: `${id} ${Math.floor(now / HOUR_MS)}` });
    context.logger.warn('batch begun again: nobody worked on it', { batch: id });
  }
  return { begun: unheard.length };
};
