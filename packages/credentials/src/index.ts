export {
  openTokenStore,
  type OpenTokenStoreOptions,
  type TokenStoreKind,
  tokenStoreKind,
  type TokenStoreSettings,
} from './stores/open-token-store.js';
export { openFileTokenStore, type FileTokenStoreOptions } from './stores/open-file-token-store.js';
export { openPostgresTokenStore, type PostgresTokenStoreOptions } from './stores/open-postgres-token-store.js';
export {
  type Credentials,
  type CredentialsEvent,
  type CredentialsStorage,
  openCredentials,
  type OpenCredentialsOptions,
  type SealingKeys,
} from './open-credentials.js';
export type { OpenOAuthClient } from './create-refresher.js';
export type { Keyring } from './secret-key/keyring.js';
export type { SecretKeySource } from './secret-key/key-marker.js';
export { type OpenedSecretKey, openSecretKey, type OpenSecretKeyOptions } from './secret-key/open-secret-key.js';
export { type HomeCredentialsOptions, openHomeCredentials } from './open-home-credentials.js';
export { credentialsEventLine, type EventLine, refreshResultOf } from './credentials-event-line.js';
