import { deleteAuditBefore, type Storage } from '@moltbot/storage';

const EVERY_MS = 3_600_000;
/** Not at once: a process that starts has better things to do, and one that starts again and again shall not delete all the time. */
const FIRST_AFTER_MS = 60_000;
const BATCH = 5_000;
/** More than a flood writes in an hour, and little enough to be done in seconds. */
const MOST_BATCHES = 20;

/** Takes away once an hour what the audit log need not keep any longer; a bounded number of rows, a batch at a time. */
export function keepAuditShort(options: {
  readonly db: Storage['db'];
  readonly retentionMs: () => number;
  readonly onError: (error: unknown) => void;
  readonly clock?: () => number;
  readonly firstAfterMs?: number;
}): { close(): void } {
  const { db, retentionMs, onError } = options;
  const clock = options.clock ?? Date.now;
  const abort = new AbortController();
  let timer = setTimeout(() => void clean(), options.firstAfterMs ?? FIRST_AFTER_MS).unref();

  async function clean(): Promise<void> {
    try {
      const before = clock() - retentionMs();
      for (let batch = 0; batch < MOST_BATCHES && !abort.signal.aborted; batch += 1) {
        if ((await deleteAuditBefore({ db, before, limit: BATCH })) < BATCH) break;
      }
    } catch (error) {
      if (!abort.signal.aborted) onError(error);
    }
    if (!abort.signal.aborted) timer = setTimeout(() => void clean(), EVERY_MS).unref();
  }

  return {
    close() {
      abort.abort();
      clearTimeout(timer);
    },
  };
}
