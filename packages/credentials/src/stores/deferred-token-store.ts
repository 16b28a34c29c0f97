import type { TokenStore } from '@moltbot/auth';
import { MoltbotError } from '@moltbot/contracts';

/** A store whose library costs something to load: it is opened when it is first asked for anything. */
export function deferTokenStore(open: () => Promise<TokenStore>): TokenStore {
  let opened: Promise<TokenStore> | undefined;
  let isClosed = false;
  const store = async (): Promise<TokenStore> => {
    if (isClosed) throw new MoltbotError('token_store_unavailable', 'The store of tokens is closed.');
    opened ??= open();
    return opened;
  };
  return {
    read: async (id) => (await store()).read(id),
    list: async () => (await store()).list(),
    compareAndSwap: async (id, version, value) => (await store()).compareAndSwap(id, version, value),
    watch(listener) {
      let stop: (() => void) | undefined;
      let isStopped = false;
      // Whoever reads is told why it can't be opened; a watch has nobody to tell.
      store().then(
        (at) => {
          if (!isStopped && !isClosed) stop = at.watch(listener);
        },
        () => {},
      );
      return () => {
        isStopped = true;
        stop?.();
      };
    },
    async close() {
      isClosed = true;
      const at = await opened?.catch(() => undefined);
      await at?.close();
    },
  };
}
