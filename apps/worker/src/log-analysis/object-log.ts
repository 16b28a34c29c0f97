import { MoltbotError } from '@moltbot/contracts';
import type { ObjectStore } from '@moltbot/storage';
import type { OpenLog } from './log-source.js';

/** An object of the store, streamed. @throws MoltbotError `not_found`, `invalid_request`, `object_store_unavailable` */
export async function openObjectLog(options: {
  readonly objects: ObjectStore;
  readonly key: string;
  readonly name: string;
  readonly signal: AbortSignal;
}): Promise<OpenLog> {
  const { objects, key, name } = options;
  const gone = (): MoltbotError => new MoltbotError('not_found', `There is no object ${key} in the store any more.`);
  const object = await objects.head(key, options.signal);
  if (object === undefined) throw gone();
  return {
    name,
    bytes: object.size,
    async *read(signal) {
      const found = await objects.get({ key, signal });
      if (found === undefined) throw gone();
      let whole = false;
      try {
        yield* found.body;
        whole = true;
      } finally {
        if (!whole) await found.cancel();
      }
    },
    close: async () => {},
  };
}
