import { join } from 'node:path';
import type { TokenStore } from '@moltbot/auth';
import type { Settings } from '@moltbot/config';
import { MoltbotError } from '@moltbot/contracts';
import type { Storage } from '@moltbot/storage';
import { deferTokenStore } from './deferred-token-store.js';
import { openFileTokenStore } from './open-file-token-store.js';
import { openPostgresTokenStore } from './open-postgres-token-store.js';

export interface OpenTokenStoreOptions {
  readonly settings: TokenStoreSettings;
  readonly paths: { readonly home: string };
  /** Needed where `tokenStoreKind` says `storage`. The store has to be closed before it. */
  readonly storage?: Pick<Storage, 'credentialTokens'> | undefined;
  /** The Redis keeps nothing on its disk. */
  readonly onNotDurable?: () => void;
}

export interface TokenStoreSettings {
  readonly credentials: Pick<Settings['credentials'], 'store'>;
  readonly storage: Pick<Settings['storage'], 'url'>;
}

export type TokenStoreKind = 'file' | 'storage' | 'redis';

/** What `credentials.store` comes to: with `auto`, a database that several machines can reach keeps the tokens too. */
export function tokenStoreKind({ credentials, storage }: TokenStoreSettings): TokenStoreKind {
  switch (credentials.store) {
    case 'file':
    case 'storage':
      return credentials.store;
    case 'auto':
      return storage.url === 'embedded' ? 'file' : 'storage';
    default:
      return 'redis';
  }
}

/** Opens what the settings say; asks nothing of it yet. @throws MoltbotError `token_store_unavailable` where the storage is missing */
export function openTokenStore(options: OpenTokenStoreOptions): TokenStore {
  const { settings, paths, storage } = options;
  switch (tokenStoreKind(settings)) {
    case 'file':
      return openFileTokenStore({ directory: join(paths.home, 'tokens') });
    case 'storage':
      if (storage === undefined) {
        throw new MoltbotError('token_store_unavailable', 'Tokens are kept in the database, which is not open.');
      }
      return openPostgresTokenStore({ tokens: storage.credentialTokens });
    case 'redis':
      // The library of Redis costs 30 MB: only who keeps tokens there pays for it.
      return deferTokenStore(async () => {
        const { openRedisTokenStore } = await import('./open-redis-token-store.js');
        return openRedisTokenStore({
          url: settings.credentials.store,
          ...(options.onNotDurable === undefined ? {} : { onNotDurable: options.onNotDurable }),
        });
      });
  }
}
