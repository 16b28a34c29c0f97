import { openObjects } from './open-objects.js';
import type { ObjectStore } from './object-store.js';

/** The object store of a process that may never need it. */
export interface ObjectAccess {
  /** Opened when it is first asked for; asked again where that failed. @throws MoltbotError as `openObjects` */
  readonly open: () => Promise<ObjectStore>;
  close(): Promise<void>;
}

export function createObjectAccess(options: Parameters<typeof openObjects>[0]): ObjectAccess {
  let opening: Promise<ObjectStore> | undefined;
  return {
    open() {
      opening ??= openObjects(options).catch((error: unknown) => {
        opening = undefined;
        throw error;
      });
      return opening;
    },
    async close() {
      const store = await opening?.catch(() => undefined);
      opening = undefined;
      await store?.close();
    },
  };
}
