import type { Settings } from '@moltbot/config';
import type { Logger } from '@moltbot/observability';
import type { Core } from '../core/core.js';

/** Asks the worker to load the default chain's models ahead of the first request. A queue that is away is a warning, no failure. */
export async function requestWarmup(options: {
  readonly core: Core;
  readonly settings: Settings;
  readonly logger: Logger;
}): Promise<void> {
  const { core, settings, logger } = options;
  // Only loaded when asked for: the queue's client is a third of this process's memory.
  const { openQueues } = await import('@moltbot/queue');
  const { url } = settings.queue;
  try {
    const queues = openQueues({
      ...(url === 'storage' ? { connection: core.storage.connection } : { url }),
      onError: (error) => logger.warn('queue', { error: error instanceof Error ? error.message : String(error) }),
    });
    try {
      const { id } = await queues.enqueue('warmup', { models: [] });
      logger.info('warm-up requested', { jobId: id });
    } finally {
      await queues.close();
    }
  } catch (error) {
    logger.warn('no warm-up: the queue does not answer', {
      error: error instanceof Error ? error.message : String(error),
    });
  }
}
