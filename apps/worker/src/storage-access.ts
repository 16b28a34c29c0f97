import type { Storage } from '@moltbot/storage';

/** The database of a process that may never need it: the queue may be elsewhere. */
export interface StorageAccess {
  /** Opened when it is first asked for; asked again where that failed. @throws MoltbotError as `openStorage` */
  readonly open: () => Promise<Storage>;
  /** Once it is open. */
  current(): Storage | undefined;
  close(): Promise<void>;
}

export function createStorageAccess(open: () => Promise<Storage>): StorageAccess {
  let opening: Promise<Storage> | undefined;
  let opened: Storage | undefined;

  async function openOnce(): Promise<Storage> {
    opened = await open();
    return opened;
  }

  return {
    async open() {
      opening ??= openOnce().catch((error: unknown) => {
        opening = undefined;
        throw error;
      });
      return opening;
    },
    current: () => opened,
    async close() {
      await opening?.catch(() => undefined);
      await opened?.close();
    },
  };
}
