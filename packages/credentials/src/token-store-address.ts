import { join } from 'node:path';
import { MoltbotError, Secret } from '@moltbot/contracts';
import type { Storage } from '@moltbot/storage';
import type { TokenStoreAddress } from './refresh-order.js';
import { type TokenStoreSettings, tokenStoreKind } from './stores/open-token-store.js';

export interface TokenStoreAddressOptions {
  readonly settings: TokenStoreSettings;
  readonly paths: { readonly home: string };
  readonly storage?: Pick<Storage, 'connection'> | undefined;
}

/** Where `openTokenStore` with the same options keeps its rows. @throws MoltbotError `token_store_unavailable` */
export function tokenStoreAddress({ settings, paths, storage }: TokenStoreAddressOptions): TokenStoreAddress {
  switch (tokenStoreKind(settings)) {
    case 'file':
      return { kind: 'file', directory: join(paths.home, 'tokens') };
    case 'redis':
      return { kind: 'redis', url: new Secret(settings.credentials.store) };
    case 'storage':
      if (storage !== undefined) return { kind: 'storage', connection: storage.connection };
      throw new MoltbotError('token_store_unavailable', 'Tokens are kept in the database, which is not open.');
  }
}
