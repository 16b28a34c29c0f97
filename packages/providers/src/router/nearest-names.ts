const MOST_NAMES = 3;
/** Callers choose what is asked for, and each comparison takes the product of both lengths. */
const LONGEST_COMPARED = 64;

/** The names closest to what was asked for (edits of single letters), best first; none that is not close at all. */
export function nearestNames(asked: string, names: readonly string[]): readonly string[] {
  if (asked.length > LONGEST_COMPARED) return [];
  const wanted = asked.toLowerCase();
  const limit = Math.max(2, Math.floor(wanted.length / 3));
  return names
    .map((name) => ({ name, distance: closeness(wanted, name.toLowerCase(), limit) }))
    .filter(({ distance }) => distance <= limit)
    .sort((first, second) => first.distance - second.distance || first.name.localeCompare(second.name))
    .slice(0, MOST_NAMES)
    .map(({ name }) => name);
}

/** A name that holds the other as a whole is close; and a model is known by its own name too. */
function closeness(wanted: string, name: string, limit: number): number {
  const model = name.slice(name.indexOf(':') + 1);
  const holds = wanted.length >= 3 && model.includes(wanted) ? 1 : Number.POSITIVE_INFINITY;
  return Math.min(holds, distance(wanted, name, limit), distance(wanted, model, limit));
}

/** Levenshtein's distance; more than `limit` where it is beyond it. */
function distance(first: string, second: string, limit: number): number {
  if (Math.abs(first.length - second.length) > limit) return limit + 1;
  let previous = Array.from({ length: second.length + 1 }, (_, index) => index);
  for (let row = 1; row <= first.length; row += 1) {
    const current = [row];
    let least = row;
    for (let column = 1; column <= second.length; column += 1) {
      const change = first[row - 1] === second[column - 1] ? 0 : 1;
      const steps = Math.min(
        (previous[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (previous[column - 1] ?? 0) + change,
      );
      if (steps < least) least = steps;
      current.push(steps);
    }
    // It never gets less from one row to the next.
    if (least > limit) return limit + 1;
    previous = current;
  }
  return previous[second.length] ?? 0;
}
