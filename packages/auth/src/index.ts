export type { Credential, CredentialVault } from './outbound/vault.js';
