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
export { putCredential, removeCredential } from './edit-auth-file.js';
export { type Locale, readLocale } from './locale.js';
export { type ProxyEnvironment, readProxyEnvironment } from './proxy-environment.js';
export { describeSettings, type SettingDescription, settingsReferenceMarkdown } from './describe.js';
export { exampleConfig } from './example-config.js';
export { needsRestart } from './restart-settings.js';
export { type ShownSetting, shownSettings } from './shown-settings.js';
export { formatByteSize, parseByteSize } from './byte-size.js';
export { ConfigError, type ConfigProblem, formatOrigin, formatProblem, type Origin } from './config-problem.js';
export { formatDuration, parseDuration } from './duration.js';
export { type Environment, processEnvironment } from './environment.js';
export type { Flags } from './flags.js';
export { loadConfig, type LoadedConfig, type LoadOptions, parseSettings, type ParsedSettings } from './load.js';
export { type MoltbotPaths, moltbotPaths } from './paths.js';
export {
  type ProviderModelSettings,
  type ProviderSettings,
  type RetryPolicy,
  type Settings,
  settingsSchema,
  type Timeouts,
} from './schema.js';
export { type ConfigWatch, watchConfig, type WatchOptions, type WatchTiming } from './watch.js';
export type { ApiKeyEntry, OAuthEntry, StoredCredential } from './stored-credential.js';
