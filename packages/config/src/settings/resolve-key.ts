import { type SettingPath, splitKey } from './setting-key.js';
import { type SettingShape, settingsShape } from './setting-shape.js';

export interface ResolvedKey {
  readonly path: SettingPath;
  /** `undefined` where the schema has no such key. */
  readonly shape: SettingShape | undefined;
}

/**
 * A key as a person writes it. Names that hold dots need no quotes where only one reading makes sense:
 * `providers.ollama.models.llama3.2:1b.images`. @returns `undefined` where it is no key at all
 */
export function resolveKey(key: string): ResolvedKey | undefined {
  const parts = splitKey(key);
  if (parts === undefined) return undefined;
  return resolve(parts, settingsShape(), []) ?? { path: parts, shape: undefined };
}

function resolve(parts: SettingPath, shape: SettingShape, path: SettingPath): ResolvedKey | undefined {
  const [first, ...rest] = parts;
  if (first === undefined) return { path, shape };
  if (shape.node === 'leaf') return undefined;
  if (shape.node === 'object') {
    const field = shape.fields.get(first);
    return field === undefined ? undefined : resolve(rest, field, [...path, first]);
  }
  // A name of several parts is believed only where something follows it: else a mistyped field would become a name.
  const longest = shape.entry.node === 'leaf' ? parts.length : Math.max(1, parts.length - 1);
  for (let length = 1; length <= longest; length += 1) {
    const found = resolve(parts.slice(length), shape.entry, [...path, parts.slice(0, length).join('.')]);
    if (found !== undefined) return found;
  }
  return undefined;
}
