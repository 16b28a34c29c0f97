import type { Origin } from '../problems/config-problem.js';
import { formatKey, type SettingPath } from '../settings/setting-key.js';
import { type SettingShape, settingsShape } from '../settings/setting-shape.js';
import { emptyMapping, type SourceTree } from './source-tree.js';

/** A value that goes over the file's: from a variable or a flag. */
export interface Override {
  readonly path: SettingPath;
  readonly value: unknown;
  readonly origin: Origin;
}

/** The file with overrides laid over it, and where each part of the result came from. Later overrides win. */
export class LayeredTree {
  readonly value: unknown;
  readonly #tree: SourceTree;
  readonly #file: string;
  readonly #overrides: ReadonlyMap<string, Origin>;

  constructor(options: { tree: SourceTree; file: string; overrides: readonly Override[] }) {
    const { tree, file, overrides } = options;
    this.#tree = tree;
    this.#file = file;
    this.#overrides = new Map(overrides.map(({ path, origin }) => [formatKey(path), origin]));
    this.value = overrides.reduce(
      (value, override) => withValue(value, override.path, override.value),
      withoutEmpty(tree.value, settingsShape()),
    );
  }

  /** Of the value itself: `default` where nobody set it. */
  originOf(path: SettingPath): Origin {
    const override = this.#overrides.get(formatKey(path));
    if (override !== undefined) return override;
    if (!this.#tree.has(path)) return { kind: 'default' };
    return { kind: 'file', file: this.#file, line: this.#tree.lineOf(path) };
  }

  /** Of the value, or of the nearest thing that it stands in or would stand in. */
  originAt(path: SettingPath): Origin {
    for (let length = path.length; length > 0; length -= 1) {
      const origin = this.originOf(path.slice(0, length));
      if (origin.kind !== 'default') return origin;
    }
    return { kind: 'file', file: this.#file, line: this.#tree.lineOf([]) };
  }
}

/** A mapping whose entries are all commented out reads as null; it means an empty one. */
function withoutEmpty(value: unknown, shape: SettingShape | undefined): unknown {
  if (shape === undefined || shape.node === 'leaf') return value;
  if (value === null) return emptyMapping();
  if (typeof value !== 'object' || Array.isArray(value)) return value;
  const mapping = emptyMapping();
  for (const [name, entry] of Object.entries(value)) {
    mapping[name] = withoutEmpty(entry, shape.node === 'record' ? shape.entry : shape.fields.get(name));
  }
  return mapping;
}

/** A copy with the value at the path; what is in the way and is no mapping gives way. */
export function withValue(target: unknown, path: SettingPath, value: unknown): unknown {
  const [name, ...rest] = path;
  if (name === undefined) return value;
  const isMapping = typeof target === 'object' && target !== null && !Array.isArray(target);
  const copy = Object.assign(emptyMapping(), isMapping ? target : {});
  copy[name] = withValue(copy[name], rest, value);
  return copy;
}
