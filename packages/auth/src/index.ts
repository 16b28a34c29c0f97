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
} from './inbound/api-key-verifier.js';
export { type CallerVerifier, createCallerVerifier } from './inbound/caller-verifier.js';
export { Denial, type DenialFacts, denialFactsOf } from './inbound/denial.js';
export {
  createJwtVerifier,
  type JwtVerifier,
  type JwtVerifierEvent,
  type JwtVerifierOptions,
} from './inbound/jwt-verifier.js';
export type {
  Admission,
  AdmissionAnswer,
  AdmissionAsk,
  Limiter,
  LimiterEvent,
  Refusal,
  Standing,
} from './inbound/limits/admission.js';
export { toMicros } from './inbound/limits/budget-gate.js';
export type {
  BudgetAnswer,
  BudgetAsk,
  BudgetLedger,
  BudgetLedgerStats,
  BudgetPeriod,
  BudgetStanding,
} from './inbound/limits/budget-ledger.js';
export { createLimiter, type LimiterOptions } from './inbound/limits/limiter.js';
export { createVault, type VaultOptions } from './outbound/create-vault.js';
export type { Credential, CredentialVault } from './outbound/vault.js';
export type { Identity } from './inbound/identity.js';
export type {
  DeviceAuthorization,
  OAuthClient,
  PendingAuthorization,
  TokenIntrospection,
  TokenSet,
} from './outbound/oauth-client.js';
export {
  type CallbackListener,
  type CallbackListenerOptions,
  openCallbackListener,
  type WaitOptions,
} from './outbound/oauth/callback-listener.js';
export { createOAuthClient, type OAuthClientOptions } from './outbound/oauth/create-oauth-client.js';
export type { PasteProblem } from './outbound/oauth/pasted-callback.js';
export { OAuthError, type OAuthErrorFacts, type OAuthFailure } from './outbound/oauth-error.js';
export type { TokenRow, TokenStore } from './outbound/token-store.js';
export { createSealer, type Sealer, type SealerOptions, secretKeyId } from './seal/sealer.js';
