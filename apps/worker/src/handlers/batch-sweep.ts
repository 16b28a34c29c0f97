import type { JobHandler } from '../deps.js';

/** Its own job may only wait for its turn: another one does no harm, but one every half an hour is enough. */
const UNHEARD_MS = 1_800_000;
const MOST = 100;

/** Begins batches again whose job was never made, or ended without them. */
export const batchSweep: JobHandler<'batch-sweep'> = async (_payload, deps, context) => {
  const { batches } = await deps.storage();
  const unheard = await batches.takeUnheard({ before: Date.now() - UNHEARD_MS, limit: MOST });
  for (const { id } of unheard) {
    context.signal.throwIfAborted();
    await context.followUp('batch', { batch_id: id }, { key: id });
    context.logger.warn('batch begun again: nobody worked on it', { batch: id });
  }
  return { begun: unheard.length };
};
