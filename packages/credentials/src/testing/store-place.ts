import type { TokenStore } from '@moltbot/auth';
import { Secret } from '@moltbot/contracts';
import { createCredentialTokens } from '@moltbot/storage';
import { openFileTokenStore } from '../stores/open-file-token-store.js';
import { openPostgresTokenStore } from '../stores/open-postgres-token-store.js';
import { openRedisTokenStore } from '../stores/open-redis-token-store.js';

/** Where a store is, so that another process can open it too. */
export type StorePlace =
  | { readonly kind: 'file'; readonly directory: string }
  | { readonly kind: 'postgres'; readonly url: string }
  | { readonly kind: 'redis'; readonly url: string };

/** Its `close` closes the connections too. @param limits the store's own limit where not given */
export function openPlace(place: StorePlace, limits: { readonly limitMs?: number } = {}): TokenStore {
  switch (place.kind) {
    case 'file':
      return openFileTokenStore({ directory: place.directory, ...limits });
    case 'redis':
      return openRedisTokenStore({ url: place.url, ...limits });
    case 'postgres': {
      const tokens = createCredentialTokens({
        connection: { url: new Secret(place.url) },
        ...(limits.limitMs === undefined ? {} : { timeoutMs: limits.limitMs }),
      });
      const store = openPostgresTokenStore({ tokens, ...limits });
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
