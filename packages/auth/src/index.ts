export {
  checkApiKeyFormat,
  type GeneratedApiKey,
  generateApiKey,
  hashApiKey,
  sameApiKeyHash,
} from './inbound/api-key.js';
export {
  type ApiKeyRow,
  type ApiKeyVerifier,
  type ApiKeyVerifierEvent,
  type ApiKeyVerifierOptions,
  createApiKeyVerifier,
  type Identity,
} from './inbound/api-key-verifier.js';
export { createVault, type VaultOptions } from './outbound/create-vault.js';
export type { Credential, CredentialVault } from './outbound/vault.js';
