import { formatKey, type SettingPath } from '../settings/setting-key.js';

/** A file as data: plain objects without a prototype, arrays and scalars, and where each of them is written. */
export class SourceTree {
  readonly value: unknown;
  readonly #lines: ReadonlyMap<string, number>;

  constructor(value: unknown, lines: ReadonlyMap<string, number> = new Map()) {
    this.value = value;
    this.#lines = lines;
  }

  /** Whether the path itself is written in the file. */
  has(path: SettingPath): boolean {
    return this.#lines.has(formatKey(path));
  }

  /** The line of the path, or of the nearest that it would stand in; 1 where the file has none of them. */
  lineOf(path: SettingPath): number {
    for (let length = path.length; length > 0; length -= 1) {
      const line = this.#lines.get(formatKey(path.slice(0, length)));
      if (line !== undefined) return line;
    }
    return 1;
  }
}

/** What stands at the path in plain data; own properties only. */
export function valueAt(value: unknown, path: SettingPath): unknown {
  let current = value;
  for (const part of path) {
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, part)) return undefined;
    current = (current as Record<string, unknown>)[part];
  }
  return current;
}

/** A mapping that no key can reach past: `__proto__` and `constructor` are names like others in it. */
export function emptyMapping(): Record<string, unknown> {
  return Object.create(null) as Record<string, unknown>;
}
