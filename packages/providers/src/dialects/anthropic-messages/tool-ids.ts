const VALID = /^[A-Za-z0-9_-]+$/;

/**
 * Gives every id of a conversation a form that the API takes (`[A-Za-z0-9_-]+`; other vendors write dots and colons too):
 * the same one for a call and its result, never one for two.
 */
export function createToolIds(): (id: string) => string {
  const given = new Map<string, string>();
  const taken = new Set<string>();
  return (id) => {
    const known = given.get(id);
    if (known !== undefined) return known;
    const base = VALID.test(id) ? id : `toolu_${id.replaceAll(/[^A-Za-z0-9_-]/g, '_')}`;
    let unique = base;
    for (let count = 2; taken.has(unique); count += 1) unique = `${base}_${count}`;
    given.set(id, unique);
    taken.add(unique);
    return unique;
  };
}
