// The names of providers belong to everybody; kept here too for those who read settings.
export {
  BUILTIN_PROVIDERS,
  type BuiltinProvider,
  isBuiltinProvider,
  PROVIDER_KINDS,
  type ProviderKind,
} from '@moltbot/contracts';
export { authFileSchema, type CredentialEntry } from './auth-file-schema.js';
export { type ConfigWarning, loadAuthFile, type LoadedCredentials, parseAuthFile } from './auth-file.js';
export { editConfigFile, setConfigValue, type SetConfigValueOptions, writeConfigFile } from './edit.js';
export {
  chooseOAuthClient,
  type OAuthClientChoice,
  putCredential,
  putOAuthEntry,
  removeCredential,
} from './edit-auth-file.js';
export { type Locale, readLocale } from './environment/locale.js';
export { type ProxyEnvironment, readProxyEnvironment, systemProxies } from './environment/proxy-environment.js';
export { readSecretKey } from './environment/secret-key-environment.js';
export { isWritableByOthers } from './files/writable-by-others.js';
export { describeSettings, type SettingDescription, settingsReferenceMarkdown } from './reference/describe.js';
export { exampleConfig } from './reference/example-config.js';
export { needsRestart } from './settings/restart-settings.js';
export { type LocalAddress, withLocalProvider } from './settings/local-provider.js';
export { type ShownSetting, shownSettings } from './reference/shown-settings.js';
export { formatByteSize, parseByteSize } from './settings/byte-size.js';
export {
  ConfigError,
  type ConfigProblem,
  formatOrigin,
  formatProblem,
  type Origin,
} from './problems/config-problem.js';
export { formatDuration, parseDuration } from './settings/duration.js';
export { type Environment, processEnvironment } from './environment/environment.js';
export type { Flags } from './settings/flags.js';
export { loadConfig, type LoadedConfig, type LoadOptions, parseSettings, type ParsedSettings } from './load.js';
export { effectiveAccess, isLoopbackHost } from './settings/server-access.js';
export { homeTag, type MoltbotPaths, moltbotPaths } from './environment/paths.js';
export {
  type KeyLimits,
  type LocalModelSettings,
  type LocalModelsSettings,
  type WarmupPrompt,
  keyLimits,
  modelPermissions,
  type OAuthEndpoints,
  type OidcSettings,
  type ProviderModelSettings,
  type ProviderSettings,
  type RetryPolicy,
  type Settings,
  settingsSchema,
  type Timeouts,
} from './schema.js';
export { type ConfigWatch, watchConfig, type WatchOptions, type WatchTiming } from './watch.js';
export type { ApiKeyEntry, OAuthEntry, SecretReference, SecretSource, StoredCredential } from './stored-credential.js';
export { createSecretResolver, type SecretResolver, type SecretResolverOptions } from './secret-references.js';
