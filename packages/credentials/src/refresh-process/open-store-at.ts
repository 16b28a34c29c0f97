import type { TokenStore } from '@moltbot/auth';
import type { TokenStoreAddress } from '../refresh-order.js';

/** The store of another process. Loads what this kind needs, and no more. */
export async function openStoreAt(address: TokenStoreAddress): Promise<TokenStore> {
  switch (address.kind) {
    case 'file': {
      const { openFileTokenStore } = await import('../stores/open-file-token-store.js');
      return openFileTokenStore({ directory: address.directory });
    }
    case 'redis': {
      const { openRedisTokenStore } = await import('../stores/open-redis-token-store.js');
      return openRedisTokenStore({ url: address.url });
    }
    case 'storage': {
      const [{ createCredentialTokens }, { openPostgresTokenStore }] = await Promise.all([
        import('@moltbot/storage'),
        import('../stores/open-postgres-token-store.js'),
      ]);
      const tokens = createCredentialTokens({ connection: address.connection });
      const store = openPostgresTokenStore({ tokens });
      return {
        ...store,
        async close() {
          await store.close();
          await tokens.close();
        },
      };
    }
  }
}
