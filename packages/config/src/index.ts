export { parseByteSize } from './byte-size.js';
export { parseDuration } from './duration.js';
export {
  authFileSchema,
  type CredentialEntry,
  PROVIDER_KINDS,
  type ProviderKind,
  type ProviderModelSettings,
  type ProviderSettings,
  type RetryPolicy,
  type Settings,
  settingsSchema,
  type Timeouts,
} from './schema.js';
