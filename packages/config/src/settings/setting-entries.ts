import { formatByteSize } from './byte-size.js';
import { formatDuration } from './duration.js';
import type { Settings } from '../schema.js';
import type { SettingPath } from './setting-key.js';
import { type LeafShape, type SettingShape, settingsShape, type WrittenValue } from './setting-shape.js';
import { emptyMapping } from '../files/source-tree.js';

export interface SettingEntry {
  readonly path: SettingPath;
  /** As the program uses it: milliseconds, bytes; `undefined` where it is not set and has no default. */
  readonly value: WrittenValue | undefined;
  readonly leaf: LeafShape;
}

/** Every single value of the settings in the schema's order, what the user named included. */
export function settingEntries(settings: Settings): readonly SettingEntry[] {
  return [...entriesOf(settings, settingsShape(), [])];
}

function* entriesOf(value: unknown, shape: SettingShape, path: SettingPath): Generator<SettingEntry> {
  if (shape.node === 'leaf') {
    yield { path, value: value as WrittenValue | undefined, leaf: shape };
    return;
  }
  const mapping = (value ?? {}) as Record<string, unknown>;
  if (shape.node === 'record') {
    for (const [name, entry] of Object.entries(mapping)) yield* entriesOf(entry, shape.entry, [...path, name]);
  } else {
    for (const [name, field] of shape.fields) yield* entriesOf(mapping[name], field, [...path, name]);
  }
}

/** A value of the settings as it is written in the file: 30000 → `30s` where the setting is a duration. */
export function toWritten(value: WrittenValue, leaf: LeafShape): WrittenValue {
  if (typeof value !== 'number') return value;
  if (leaf.kind === 'duration') return formatDuration(value);
  return leaf.kind === 'size' ? formatByteSize(value) : value;
}

/**
 * Frozen, and with records that have no prototype: a caller's model named `constructor:x` finds no provider there.
 */
export function settled(value: unknown, shape: SettingShape): unknown {
  if (shape.node === 'leaf') return Array.isArray(value) ? Object.freeze([...(value as unknown[])]) : value;
  if (typeof value !== 'object' || value === null) return value;
  const copy: Record<string, unknown> = shape.node === 'record' ? emptyMapping() : {};
  for (const [name, entry] of Object.entries(value)) {
    const field = shape.node === 'record' ? shape.entry : shape.fields.get(name);
    copy[name] = field === undefined ? entry : settled(entry, field);
  }
  return Object.freeze(copy);
}
