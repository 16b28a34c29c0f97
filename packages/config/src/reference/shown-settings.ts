import type { Origin } from '../problems/config-problem.js';
import type { LoadedConfig } from '../load.js';
import { isSecretKey, looksSecret, withoutUserInfo } from '../problems/secret-like.js';
import { settingEntries, toWritten } from '../settings/setting-entries.js';
import { formatKey } from '../settings/setting-key.js';
import type { WrittenValue } from '../settings/setting-shape.js';

/** One value in force, ready to be printed. */
export interface ShownSetting {
  readonly key: string;
  /** As it would be written in the file; stars for what may be a secret; `undefined` where it is not set. */
  readonly value: WrittenValue | undefined;
  readonly origin: Origin;
}

/** Every value in force with its origin, for `moltbot config show`: no secret among them. */
export function shownSettings({
  settings,
  origins,
}: Pick<LoadedConfig, 'settings' | 'origins'>): readonly ShownSetting[] {
  return settingEntries(settings).map(({ path, value, leaf }) => {
    const key = formatKey(path);
    const origin = origins.get(key) ?? ({ kind: 'default' } as const);
    return { key, value: value === undefined ? undefined : masked(path, toWritten(value, leaf)), origin };
  });
}

function masked(path: readonly string[], value: WrittenValue): WrittenValue {
  // A count of tokens is none of them.
  if (typeof value === 'number' || typeof value === 'boolean') return value;
  if (typeof value !== 'string') return isSecretKey(path) ? '***' : value;
  const open = withoutUserInfo(value);
  // A database's address is worth showing once its user and password are out.
  if (isSecretKey(path) && path.at(-1) !== 'url') return '***';
  return looksSecret(open.replace('***@', '')) ? '***' : open;
}
