import type { JobHandler } from '../deps.js';

/** Longer than a training is ever put off. */
const UNHEARD_MS = 1_800_000;
const MOST = 100;

/** Goes on with fine-tuning jobs whose job was never made, or ended without them. */
export const trainingSweep: JobHandler<'training-sweep'> = async (_payload, deps, context) => {
  const { fineTunings } = await deps.storage();
  const unheard = await fineTunings.takeUnheard({ before: Date.now() - UNHEARD_MS, limit: MOST });
  for (const { id } of unheard) {
    context.signal.throwIfAborted();
    await context.followUp('training', { fine_tuning_job: id }, { key: id });
    context.logger.warn('training begun again: nobody worked on it', { training: id });
  }
  return { begun: unheard.length };
};
