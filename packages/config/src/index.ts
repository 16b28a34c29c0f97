export { authFileSchema, type CredentialEntry } from './auth-file-schema.js';
export { formatByteSize, parseByteSize } from './byte-size.js';
export { formatDuration, parseDuration } from './duration.js';
export {
  PROVIDER_KINDS,
  type ProviderKind,
  type ProviderModelSettings,
  type ProviderSettings,
  type RetryPolicy,
  type Settings,
  settingsSchema,
  type Timeouts,
} from './schema.js';
