import { setTimeout as delay } from 'node:timers/promises';
import { MoltbotError } from '@moltbot/contracts';
import type { BatchResult, BatchStatus, BatchStore } from '@moltbot/storage';

/** Stores results as they come; those that come while others are being stored go together. */
export interface ResultKeeper {
  /** Resolves when it is stored: a database that is away is waited for. @throws the signal's reason */
  readonly keep: (result: BatchResult) => Promise<void>;
  /** Tells that the worker lives, and looks how the batch stands. */
  beat(): Promise<void>;
}

const RETRY_MS = 500;
const LAST_RETRY_MS = 5_000;

export function createResultKeeper(options: {
  readonly batches: Pick<BatchStore, 'save'>;
  readonly batchId: string;
  readonly worker: string;
  readonly signal: AbortSignal;
  /** After each storing; `undefined`: the batch is not this worker's any more. */
  readonly onStatus: (status: BatchStatus | undefined) => void;
  readonly onError: (error: unknown) => void;
}): ResultKeeper {
  const { batches, batchId, worker, signal, onStatus, onError } = options;
  let buffered: { readonly result: BatchResult; readonly stored: PromiseWithResolvers<void> }[] = [];
  let storing: Promise<void> | undefined;

  async function storeAll(): Promise<void> {
    while (buffered.length > 0) {
      const taken = buffered;
      buffered = [];
      try {
        await store(taken.map(({ result }) => result));
        for (const { stored } of taken) stored.resolve();
      } catch (error) {
        for (const { stored } of taken) stored.reject(error);
      }
    }
    // Here, and not in a `finally`: what came between the two would wait for ever.
    storing = undefined;
  }

  async function store(results: readonly BatchResult[]): Promise<void> {
    for (let wait = RETRY_MS; ; wait = Math.min(wait * 2, LAST_RETRY_MS)) {
      try {
        onStatus(await batches.save(batchId, { worker, results }));
        return;
      } catch (error) {
        if (signal.aborted || !(error instanceof MoltbotError) || !error.retryable) throw error;
        onError(error);
        await delay(wait, undefined, { signal }).catch(() => {});
      }
    }
  }

  return {
    async keep(result) {
      const stored = Promise.withResolvers<void>();
      buffered.push({ result, stored });
      storing ??= storeAll();
      await stored.promise;
    },
    async beat() {
      // What is being stored tells it too.
      if (storing !== undefined) return;
      try {
        onStatus(await batches.save(batchId, { worker, results: [] }));
      } catch (error) {
        onError(error);
      }
    },
  };
}
