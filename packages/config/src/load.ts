import { type ConfigWarning, loadAuthFile } from './auth-file.js';
import { ConfigError, type ConfigProblem, type Origin } from './problems/config-problem.js';
import { crossCheck } from './problems/cross-checks.js';
import type { Environment } from './environment/environment.js';
import { withFileVariables } from './environment/file-variables.js';
import { unknownProviderWarnings } from './problems/unknown-providers.js';
import { explainIssues } from './problems/explain-issues.js';
import { type Flags, overridesFromFlags } from './settings/flags.js';
import { LayeredTree } from './files/layered-tree.js';
import type { MoltbotPaths } from './environment/paths.js';
import { readSmallFile } from './files/read-file.js';
import { readYaml } from './files/read-yaml.js';
import { type Settings, settingsSchema } from './schema.js';
import { showName } from './problems/secret-like.js';
import { settingEntries, settled } from './settings/setting-entries.js';
import { formatKey } from './settings/setting-key.js';
import { type SettingShape, settingsShape } from './settings/setting-shape.js';
import { readOtelEnvironment } from './environment/otel-environment.js';
import { overridesFromEnvironment, type UnknownVariable } from './settings/setting-variables.js';
import { emptyMapping, SourceTree } from './files/source-tree.js';
import type { StoredCredential } from './stored-credential.js';

/** zod's compiled parsers pay off after hundreds of parses; the first costs 5 ms more. */
const WITHOUT_COMPILING = { jitless: true };

export interface LoadOptions {
  readonly paths: MoltbotPaths;
  readonly env: Environment;
  /** Values by dotted key (`server.port`) or nested; texts are read as the setting's kind; `undefined` is not set. */
  readonly flags?: Flags;
}

/** One consistent reading of both files, the environment and the flags. Frozen. */
export interface LoadedConfig {
  readonly settings: Settings;
  /** Where every single value came from, by its key; what the user names included. */
  readonly origins: ReadonlyMap<string, Origin>;
  readonly warnings: readonly ConfigWarning[];
  /** In the order of auth.json. */
  readonly credentials: readonly StoredCredential[];
}

/** Defaults < config.yml < environment < flags, and auth.json. @throws ConfigError (`config_invalid`) with all problems of both files */
export async function loadConfig(options: LoadOptions): Promise<LoadedConfig> {
  const { paths, flags } = options;
  const env = await withFileVariables(options.env);
  const [file, auth] = await Promise.allSettled([
    readSmallFile(paths.configFile),
    loadAuthFile({ file: paths.authFile }),
  ]);
  if (file.status === 'rejected') throw file.reason;
  const settings = attempt(() => {
    if (file.value !== undefined && 'kind' in file.value) throw new ConfigError([file.value]);
    return parseSettings({ text: file.value?.text ?? '', file: paths.configFile, env, flags });
  });
  const problems = [settings, auth].flatMap((result) =>
    result.status === 'rejected' ? problemsOf(result.reason) : [],
  );
  if (settings.status === 'rejected' || auth.status === 'rejected') throw new ConfigError(problems);
  return {
    ...settings.value,
    warnings: [
      ...settings.value.warnings,
      ...auth.value.warnings,
      ...unknownProviderWarnings({
        credentials: auth.value.credentials,
        providers: settings.value.settings.providers,
        file: paths.authFile,
      }),
    ],
    credentials: auth.value.credentials,
  };
}

function attempt<Value>(action: () => Value): PromiseSettledResult<Value> {
  try {
    return { status: 'fulfilled', value: action() };
  } catch (reason) {
    return { status: 'rejected', reason };
  }
}

function problemsOf(reason: unknown): readonly ConfigProblem[] {
  if (reason instanceof ConfigError) return reason.problems;
  throw reason;
}

export type ParsedSettings = Pick<LoadedConfig, 'settings' | 'origins' | 'warnings'>;

/** The text of a config.yml with what overrides it. @throws ConfigError */
export function parseSettings(options: {
  text: string;
  file: string;
  env?: Environment | undefined;
  flags?: Flags | undefined;
}): ParsedSettings {
  const { text, file, env = {}, flags = {} } = options;
  const read = readYaml({ text, file });
  if (!(read instanceof SourceTree)) throw new ConfigError(read);
  const fromEnvironment = overridesFromEnvironment(env);
  const fromOtel = readOtelEnvironment(env);
  const overrides = [...fromOtel.overrides, ...fromEnvironment.overrides, ...overridesFromFlags(flags)];

  // Each layer is checked alone, so that a mistake in the file is told even where a variable hides it.
  const empty = new SourceTree(emptyMapping());
  const layers = [
    new LayeredTree({ tree: read, file, overrides: [] }),
    ...overrides.map((override) => new LayeredTree({ tree: empty, file, overrides: [override] })),
  ];
  const problems = layers.flatMap(schemaProblems);
  if (problems.some(({ kind }) => kind !== 'unknown_key')) throw new ConfigError(problems);

  const merged = new LayeredTree({ tree: read, file, overrides });
  const settings = settled(parseKnown(merged.value), settingsShape()) as Settings;
  const crossChecked = crossCheck({
    settings,
    originAt: (path) => merged.originAt(path),
    isSet: (path) => merged.originOf(path).kind !== 'default',
  });
  const all = [...problems, ...crossChecked.problems];
  if (all.length > 0) throw new ConfigError(all);
  return {
    settings,
    origins: new Map(settingEntries(settings).map(({ path }) => [formatKey(path), merged.originOf(path)])),
    warnings: [
      ...fromEnvironment.unknown.map(unknownVariable),
      ...fromOtel.warnings.map((message) => ({ kind: 'unknown_variable' as const, message })),
      ...crossChecked.warnings.map((message) => ({ kind: 'model_name' as const, message })),
    ],
  };
}

function schemaProblems(tree: LayeredTree): readonly ConfigProblem[] {
  const parsed = settingsSchema.safeParse(tree.value, WITHOUT_COMPILING);
  if (parsed.success) return [];
  const { issues } = parsed.error;
  return explainIssues({ issues, value: tree.value, shape: settingsShape(), originAt: (path) => tree.originAt(path) });
}

/** Keys that the schema does not know are told, but hide no other mistake. */
function parseKnown(value: unknown): Settings {
  const parsed = settingsSchema.safeParse(value, WITHOUT_COMPILING);
  return parsed.success ? parsed.data : settingsSchema.parse(onlyKnown(value, settingsShape()), WITHOUT_COMPILING);
}

function onlyKnown(value: unknown, shape: SettingShape): unknown {
  if (shape.node === 'leaf' || typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const known = Object.entries(value).flatMap(([name, entry]) => {
    const field = shape.node === 'record' ? shape.entry : shape.fields.get(name);
    return field === undefined ? [] : [[name, onlyKnown(entry, field)] as const];
  });
  return Object.assign(emptyMapping(), Object.fromEntries(known));
}

function unknownVariable({ variable, nearest }: UnknownVariable): ConfigWarning {
  const hint = nearest === undefined ? '' : `; did you mean ${nearest}?`;
  return { kind: 'unknown_variable', message: `${showName(variable)} is no setting${hint}` };
}
