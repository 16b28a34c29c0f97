import { nearest, plain } from './nearest.js';
import { formatKey, type SettingPath } from '../settings/setting-key.js';
import { leaves, type SettingShape, shapeAt } from '../settings/setting-shape.js';

/** At most this many places are named for a key that exists elsewhere. */
const MAX_PLACES = 3;

/**
 * What a key that the schema does not know was probably meant to be: one of its neighbours, or the same name at
 * another level. @returns full keys (`model_load_timeout`, `server.port`), empty where nothing is near
 */
export function suggestKeys(path: SettingPath, root: SettingShape): readonly string[] {
  const name = path.at(-1) ?? '';
  const parent = path.slice(0, -1);
  const siblings = fieldsAt(parent, root);
  const same = siblings.find((sibling) => plain(sibling) === plain(name));
  if (same !== undefined) return [formatKey([...parent, same])];
  const elsewhere = places(root).filter((place) => plain(place.at(-1) ?? '') === plain(name));
  if (elsewhere.length > 0) return shortestFirst(elsewhere).slice(0, MAX_PLACES).map(showPlace);
  const sibling = nearest(name, siblings);
  if (sibling !== undefined) return [formatKey([...parent, sibling])];
  const names = new Map(
    shortestFirst(places(root))
      .toReversed()
      .map((place) => [place.at(-1) ?? '', place] as const),
  );
  const near = names.get(nearest(name, names.keys()) ?? '');
  return near === undefined ? [] : [showPlace(near)];
}

/** `; did you mean `a` or `b`?`, or nothing. */
export function askWhether(keys: readonly string[]): string {
  return keys.length === 0 ? '' : `; did you mean ${keys.map((key) => `\`${key}\``).join(' or ')}?`;
}

function fieldsAt(path: SettingPath, root: SettingShape): readonly string[] {
  const shape = shapeAt(path, root);
  return shape?.node === 'object' ? [...shape.fields.keys()] : [];
}

/** Every place that has a name of its own: leaves, and the mappings around them. */
function places(root: SettingShape): readonly SettingPath[] {
  const found = new Map<string, SettingPath>();
  for (const { path } of leaves(root)) {
    for (let length = 1; length <= path.length; length += 1) {
      if (path[length - 1] !== '<name>') found.set(path.slice(0, length).join('.'), path.slice(0, length));
    }
  }
  return [...found.values()];
}

function shortestFirst(paths: readonly SettingPath[]): readonly SettingPath[] {
  return [...paths].sort((left, right) => left.length - right.length);
}

function showPlace(path: SettingPath): string {
  return path.join('.');
}
