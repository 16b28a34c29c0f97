import type { Settings } from '@moltbot/config';
import { MoltbotError } from '@moltbot/contracts';
import type { Queues } from '@moltbot/queue';
import type { Storage } from '@moltbot/storage';

/** The job queues of a process that may never need them: their client is a third of its memory. */
export interface QueueAccess {
  /** Opened when first asked for. @throws MoltbotError `queue_unavailable` after the end */
  open(): Promise<Queues>;
  close(): Promise<void>;
}

export function createQueueAccess(options: {
  readonly settings: () => Settings;
  readonly storage: Pick<Storage, 'connection'>;
  readonly onError: (error: Error) => void;
}): QueueAccess {
  let opening: Promise<Queues> | undefined;
  let closed = false;

  async function open(): Promise<Queues> {
    const { openQueues } = await import('@moltbot/queue');
    const { url } = options.settings().queue;
    return openQueues({
      ...(url === 'storage' ? { connection: options.storage.connection } : { url }),
      onError: options.onError,
    });
  }

  return {
    open() {
      if (closed) throw new MoltbotError('queue_unavailable', 'The queue is closed');
      opening ??= open();
      return opening;
    },
    async close() {
      closed = true;
      await (await opening)?.close();
    },
  };
}
