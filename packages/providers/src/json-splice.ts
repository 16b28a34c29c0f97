const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const SPACE = 0x20;

/** Bytes of a string looked at one by one before the scanner jumps to the next quote. */
const STEPS_BEFORE_JUMP = 48;

export interface TopLevelEdits {
  /** Key → JSON text of its value. */
  readonly set: Readonly<Record<string, string>>;
  readonly remove: readonly string[];
}

interface Member {
  readonly start: number;
  readonly valueStart: number;
  readonly end: number;
  /** The JSON text that replaces the value, `null` where the member goes, `undefined` where it stays. */
  readonly edit: string | null | undefined;
}

/**
 * Rewrites members of one valid JSON object without touching another byte. Every occurrence of a key is edited, escaped ones
 * and ones in other letters (Go's decoder takes `Model` for `model`) included, so that no parser sees another value. A set key
 * that is missing is put in front.
 */
export function spliceTopLevel(bytes: Buffer, edits: TopLevelEdits): Buffer {
  const plan = new Map<string, string | null>();
  for (const name of edits.remove) plan.set(fold(name), null);
  for (const [name, value] of Object.entries(edits.set)) plan.set(fold(name), value);

  const members: Member[] = [];
  const found = new Set<string>();
  readMembers(bytes, (key, start, valueStart, end) => {
    const folded = fold(key);
    found.add(folded);
    members.push({ start, valueStart, end, edit: plan.get(folded) });
  });
  const inserted = Object.entries(edits.set)
    .filter(([name]) => !found.has(fold(name)))
    .map(([name, value]) => `${JSON.stringify(name)}:${value}`)
    .join(',');
  const lastKept = members.findLastIndex((member) => member.edit !== null);

  const pieces: Buffer[] = [];
  let copied = 0;
  const replace = (from: number, to: number, text: string): void => {
    if (from > copied) pieces.push(bytes.subarray(copied, from));
    if (text !== '') pieces.push(Buffer.from(text));
    copied = to;
  };
  if (inserted !== '') {
    const inside = bytes.indexOf(OPEN_BRACE) + 1;
    replace(inside, inside, lastKept === -1 ? inserted : `${inserted},`);
  }
  for (const [index, member] of members.entries()) {
    if (index > lastKept) break;
    if (member.edit === null) replace(member.start, members[index + 1]?.start ?? member.end, '');
    else if (member.edit !== undefined) replace(member.valueStart, member.end, member.edit);
  }
  const last = members.at(-1);
  if (last !== undefined && lastKept < members.length - 1) {
    // The comma before the removed tail goes with it.
    replace(members[lastKept]?.end ?? members[0]?.start ?? last.start, last.end, '');
  }
  if (pieces.length === 0 && copied === 0) return bytes;
  replace(bytes.length, bytes.length, '');
  return Buffer.concat(pieces);
}

function fold(key: string): string {
  return key.toUpperCase().toLowerCase();
}

/** Calls `member` for each top-level member of the object: its key, where the member starts, where its value starts and ends. */
function readMembers(
  bytes: Buffer,
  member: (key: string, start: number, valueStart: number, end: number) => void,
): void {
  let position = skipSpace(bytes, bytes.indexOf(OPEN_BRACE) + 1);
  while (bytes[position] === QUOTE) {
    const start = position;
    const keyEnd = skipString(bytes, start);
    const valueStart = skipSpace(bytes, bytes.indexOf(':', keyEnd) + 1);
    const end = skipValue(bytes, valueStart);
    member(readKey(bytes, start, keyEnd), start, valueStart, end);
    position = skipSpace(bytes, end);
    if (bytes[position] === COMMA) position = skipSpace(bytes, position + 1);
  }
}

function readKey(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString('utf8', start + 1, end - 1);
  if (!text.includes('\\')) return text;
  const parsed: unknown = JSON.parse(`"${text}"`);
  return String(parsed);
}

function skipSpace(bytes: Buffer, from: number): number {
  let position = from;
  // JSON's white space is all at or below 0x20, and nothing else there is valid.
  while (position < bytes.length && (bytes[position] ?? 0) <= SPACE) position += 1;
  return position;
}

/** The position after the value that starts at `from`. */
function skipValue(bytes: Buffer, from: number): number {
  const first = bytes[from];
  if (first === QUOTE) return skipString(bytes, from);
  const nested = first === OPEN_BRACE || first === OPEN_BRACKET;
  let depth = nested ? 1 : 0;
  let position = nested ? from + 1 : from;
  while (position < bytes.length) {
    const code = bytes[position] ?? 0;
    if (code === QUOTE) {
      position = skipString(bytes, position);
      continue;
    }
    if (code === OPEN_BRACE || code === OPEN_BRACKET) depth += 1;
    else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      if (depth === 0) return position;
      depth -= 1;
      if (depth === 0 && nested) return position + 1;
    } else if (depth === 0 && (code === COMMA || code <= SPACE)) return position;
    position += 1;
  }
  return position;
}

/** The position after the string that opens at `from`. */
function skipString(bytes: Buffer, from: number): number {
  let position = from + 1;
  for (;;) {
    const stop = Math.min(position + STEPS_BEFORE_JUMP, bytes.length);
    while (position < stop) {
      const code = bytes[position];
      if (code === QUOTE) return position + 1;
      position += code === BACKSLASH ? 2 : 1;
    }
    if (position >= bytes.length) return bytes.length;
    const quote = bytes.indexOf(QUOTE, position);
    if (quote === -1) return bytes.length;
    let escapes = 0;
    while (bytes[quote - 1 - escapes] === BACKSLASH && quote - 1 - escapes >= position) escapes += 1;
    if (escapes % 2 === 0) return quote + 1;
    position = quote + 1;
  }
}
