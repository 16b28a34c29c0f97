import type { Override } from '../files/layered-tree.js';
import { resolveKey } from './resolve-key.js';
import { formatKey, type SettingPath } from './setting-key.js';
import { shapeAt } from './setting-shape.js';
import { fromText } from './setting-variables.js';

/** Settings given on the command line: by dotted key, or nested as in the file. `undefined` is not set. */
export interface Flags {
  readonly [key: string]: unknown;
}

/** Flags that are not called by their key. */
const FLAG_NAMES: Readonly<Record<string, string>> = {
  'server.port': '--port',
  'server.metrics_port': '--metrics-port',
  'server.host': '--host',
  'logs.level': '--log-level',
};

/** `server.port` → `--port`; others are called by their key. */
function flagOf(path: SettingPath): string {
  const key = formatKey(path);
  return FLAG_NAMES[key] ?? `--${key}`;
}

/** Texts become the kind of value that the setting takes; everything else is left to the schema. */
export function overridesFromFlags(flags: Flags): readonly Override[] {
  return [...flatten(flags, [])].map(({ path, value }) => {
    const leaf = shapeAt(path);
    const parsed = typeof value === 'string' && leaf?.node === 'leaf' ? fromText(value, leaf) : value;
    return { path, value: parsed, origin: { kind: 'flag', flag: flagOf(path) } };
  });
}

function* flatten(flags: Flags, above: SettingPath): Generator<{ path: SettingPath; value: unknown }> {
  for (const [key, value] of Object.entries(flags)) {
    if (value === undefined) continue;
    const path = above.length === 0 ? (resolveKey(key)?.path ?? [key]) : [...above, key];
    const isMapping = typeof value === 'object' && value !== null && !Array.isArray(value);
    if (isMapping && shapeAt(path)?.node !== 'leaf') yield* flatten(value as Flags, path);
    else yield { path, value };
  }
}
