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
export type { CredentialStatus } from './outbound/credential-status.js';
export type { TokenBackend } from './outbound/credential-row.js';
export {
  createVault,
  type OAuthParts,
  type SecretResolver,
  type Vault,
  type VaultOptions,
} from './outbound/create-vault.js';
export { type Clock, SYSTEM_CLOCK } from './outbound/clock.js';
export type { OAuthCredentialEntry } from './outbound/oauth-credential.js';
export type { PreparedRefresh } from './outbound/refresh-turn.js';
export { type RefreshOptions, type RefreshOutcome, runRefresh } from './outbound/run-refresh.js';
export type { RefreshTiming } from './outbound/token-life.js';
export type { RefreshClaim } from './outbound/token-record.js';
export type { VaultEvent } from './outbound/vault-event.js';
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
