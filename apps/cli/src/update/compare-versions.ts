/** Order of two versions by Semantic Versioning 2.0.0, section 11: negative where `one` is the older. */
export function compareVersions(one: string, other: string): number {
  const [left, right] = [parse(one), parse(other)];
  for (const [index, number] of left.core.entries()) {
    const difference = number - (right.core[index] ?? 0);
    if (difference !== 0) return difference;
  }
  // A version before the release is older than it.
  if (left.before.length === 0 || right.before.length === 0) return right.before.length - left.before.length;
  for (let index = 0; index < Math.max(left.before.length, right.before.length); index += 1) {
    const difference = compareIdentifiers(left.before[index], right.before[index]);
    if (difference !== 0) return difference;
  }
  return 0;
}

function parse(version: string) {
  const [, core = '', before = ''] = /^v?([\d.]+)(?:-([\w.-]+))?/.exec(version) ?? [];
  return { core: core.split('.').map(Number), before: before === '' ? [] : before.split('.') };
}

function compareIdentifiers(one: string | undefined, other: string | undefined): number {
  if (one === undefined || other === undefined) return one === undefined ? -1 : 1;
  const [left, right] = [Number(one), Number(other)];
  if (Number.isNaN(left) && Number.isNaN(right)) return one < other ? -1 : one > other ? 1 : 0;
  if (Number.isNaN(left) || Number.isNaN(right)) return Number.isNaN(left) ? 1 : -1;
  return left - right;
}
