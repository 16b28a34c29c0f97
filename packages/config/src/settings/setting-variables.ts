import type { Environment } from '../environment/environment.js';
import type { Override } from '../files/layered-tree.js';
import { nearest } from '../problems/nearest.js';
import { formatKey, type SettingPath } from './setting-key.js';
import { type LeafShape, leaves, type WrittenValue } from './setting-shape.js';

/** Variables of ours that are no settings. */
const OTHER_VARIABLES: readonly string[] = [
  'MOLTBOT_HOME',
  'MOLTBOT_LANG',
  'MOLTBOT_API_KEY',
  'MOLTBOT_SECRET_KEY',
  'MOLTBOT_SECRET_KEY_FILE',
];

const PREFIX = 'MOLTBOT_';

export interface SettingVariable {
  readonly variable: string;
  readonly path: SettingPath;
  readonly leaf: LeafShape;
}

export interface UnknownVariable {
  readonly variable: string;
  /** The variable of a setting that it was probably meant to be. */
  readonly nearest: string | undefined;
}

let variables: ReadonlyMap<string, SettingVariable> | undefined;

/** Every setting that has a variable, by the variable's name. What the user names (providers, chains) has none. */
export function settingVariables(): ReadonlyMap<string, SettingVariable> {
  variables ??= new Map(
    [...leaves()]
      .filter(({ path }) => !path.includes('<name>'))
      .map(({ path, leaf }) => {
        const variable = PREFIX + path.join('_').toUpperCase();
        return [variable, { variable, path, leaf }];
      }),
  );
  return variables;
}

/** `server.port` → `MOLTBOT_SERVER_PORT`; `undefined` where the setting has none. */
export function variableOf(path: SettingPath): string | undefined {
  const variable = PREFIX + path.join('_').toUpperCase();
  const known = settingVariables().get(variable);
  return known !== undefined && formatKey(known.path) === formatKey(path) ? variable : undefined;
}

const FILE_SUFFIX = '_FILE';

/**
 * What a variable of a setting with `_FILE` behind it names (`MOLTBOT_STORAGE_URL_FILE`): the file that holds the value.
 * `undefined` for every other variable.
 */
export function fileVariable(variable: string): SettingVariable | undefined {
  if (!variable.endsWith(FILE_SUFFIX) || settingVariables().has(variable)) return undefined;
  return settingVariables().get(variable.slice(0, -FILE_SUFFIX.length));
}

/** The settings that variables give, and those that look like ours but are none. An empty variable counts as not set. */
export function overridesFromEnvironment(env: Environment): {
  readonly overrides: readonly Override[];
  readonly unknown: readonly UnknownVariable[];
} {
  const known = settingVariables();
  const names = Object.keys(env).filter((name) => name.startsWith(PREFIX) && (env[name] ?? '').trim() !== '');
  const overrides = names.flatMap((variable) => {
    const setting = known.get(variable);
    if (setting === undefined) return [];
    const value = fromText(env[variable] ?? '', setting.leaf);
    return [{ path: setting.path, value, origin: { kind: 'environment', variable } as const }];
  });
  const candidates = [...known.keys(), ...OTHER_VARIABLES].map(withoutPrefix);
  const unknown = names
    .filter((name) => !known.has(name) && !OTHER_VARIABLES.includes(name))
    .map((variable) => {
      const near = nearest(withoutPrefix(variable), candidates);
      return { variable, nearest: near === undefined ? undefined : PREFIX + near };
    });
  return { overrides, unknown };
}

function withoutPrefix(variable: string): string {
  return variable.slice(PREFIX.length);
}

const BOOLEANS: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  on: true,
  '1': true,
  false: false,
  no: false,
  off: false,
  '0': false,
};

const readNumber = (text: string) => (/^[+-]?(\d+(\.\d*)?|\.\d+)$/.test(text) ? Number(text) : text);
const readText = (text: string) => text;

const READERS: Readonly<Record<LeafShape['kind'], (text: string) => WrittenValue>> = {
  boolean: (text) => (Object.hasOwn(BOOLEANS, text.toLowerCase()) ? (BOOLEANS[text.toLowerCase()] ?? text) : text),
  integer: readNumber,
  number: readNumber,
  list: listFromText,
  choice: (text) => text.toLowerCase(),
  text: readText,
  url: readText,
  duration: readText,
  size: readText,
};

/** A text from a variable or a flag as the kind of value that the setting takes; as it is where it is none. */
export function fromText(text: string, leaf: LeafShape): WrittenValue {
  return READERS[leaf.kind](text.trim());
}

/** A JSON array, or names with commas between them. */
function listFromText(text: string): WrittenValue {
  if (text.startsWith('[')) {
    try {
      return JSON.parse(text) as readonly string[];
    } catch {
      return text;
    }
  }
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}
