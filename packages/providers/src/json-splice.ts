import { ByteRope } from './byte-rope.js';

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const SPACE = 0x20;

/** Bytes of a string looked at one by one before the scanner jumps to the next quote: what a jump costs. */
const STEPS_BEFORE_JUMP = 128;

export interface TopLevelEdits {
  /** Key → JSON text of its value. */
  readonly set: Readonly<Record<string, string>>;
  readonly remove: readonly string[];
}

/** Where a top-level member stands: from its key's opening quote to the byte after its value. */
export interface JsonMember {
  /** Without its escapes. */
  readonly key: string;
  readonly start: number;
  readonly valueStart: number;
  readonly end: number;
}

/**
 * Rewrites members of one valid JSON object without touching another byte. Every occurrence of a key is edited, escaped ones
 * and ones in other letters (Go's decoder takes `Model` for `model`) included, so that no parser sees another value. A set key
 * that is missing is put in front. Known members spare the search for them.
 */
export function spliceTopLevel(
  given: Buffer | ByteRope,
  edits: TopLevelEdits,
  knownMembers?: readonly JsonMember[],
): Buffer {
  const body = given instanceof ByteRope ? given : new ByteRope([given]);
  const members = knownMembers ?? readMembers(body.bytes);
  const missing = Object.keys(edits.set);
  const changes = members.map(({ key }) => changeOf(key, edits, missing));
  const lastKept = changes.findLastIndex((change) => change !== null);
  const inserted = missing.map((name) => `${JSON.stringify(name)}:${edits.set[name] ?? 'null'}`).join(',');

  const output = new Output(body);
  if (inserted !== '') {
    const inside = body.indexOf(OPEN_BRACE) + 1;
    output.replace(inside, inside, lastKept === -1 ? inserted : `${inserted},`);
  }
  for (let index = 0; index <= lastKept; index += 1) {
    const member = members[index];
    const change = changes[index];
    if (member === undefined || change === undefined) continue;
    if (change === null) output.replace(member.start, members[index + 1]?.start ?? member.end, '');
    else output.replace(member.valueStart, member.end, change);
  }
  const last = members.at(-1);
  if (last !== undefined && lastKept < members.length - 1) {
    // The comma before the removed tail goes with it.
    output.replace(members[lastKept]?.end ?? members[0]?.start ?? last.start, last.end, '');
  }
  return output.finish();
}

/** The bytes with replacements made from left to right, copied once at the end. */
class Output {
  readonly #body: ByteRope;
  readonly #pieces: Buffer[] = [];
  #read = 0;

  constructor(body: ByteRope) {
    this.#body = body;
  }

  replace(from: number, to: number, text: string): void {
    this.#pieces.push(...this.#body.slice(this.#read, from), Buffer.from(text));
    this.#read = to;
  }

  finish(): Buffer {
    if (this.#pieces.length === 0) return this.#body.bytes;
    this.#pieces.push(...this.#body.slice(this.#read, this.#body.length));
    return Buffer.concat(this.#pieces);
  }
}

/**
 * The JSON text that replaces the value, `null` where the member goes, `undefined` where it stays; takes a name that is found
 * out of `missing`.
 */
function changeOf(key: string, { set, remove }: TopLevelEdits, missing: string[]): string | null | undefined {
  for (const name of Object.keys(set)) {
    if (!isSameKey(key, name)) continue;
    if (missing.includes(name)) missing.splice(missing.indexOf(name), 1);
    return set[name];
  }
  return remove.some((name) => isSameKey(key, name)) ? null : undefined;
}

function readMembers(bytes: Buffer): readonly JsonMember[] {
  const members: JsonMember[] = [];
  let position = skipSpace(bytes, bytes.indexOf(OPEN_BRACE) + 1);
  while (bytes[position] === QUOTE) {
    const start = position;
    const keyEnd = skipString(bytes, start);
    const valueStart = skipSpace(bytes, skipSpace(bytes, keyEnd) + 1);
    const end = skipValue(bytes, valueStart);
    members.push({ key: unescapeKey(bytes.toString('utf8', start + 1, keyEnd - 1)), start, valueStart, end });
    position = skipSpace(bytes, end);
    if (bytes[position] === COMMA) position = skipSpace(bytes, position + 1);
  }
  return members;
}

/** The same key for any decoder: Go's compares with Unicode case folding (U+017F is an s, U+212A a k). */
function isSameKey(key: string, name: string): boolean {
  return key === name || (key.length === name.length && key.toUpperCase().toLowerCase() === name.toLowerCase());
}

/** A key as it stands between its quotes, without the escapes. */
export function unescapeKey(text: string): string {
  if (!text.includes('\\')) return text;
  const parsed: unknown = JSON.parse(`"${text}"`);
  return String(parsed);
}

function skipSpace(bytes: Buffer, from: number): number {
  let position = from;
  // JSON's white space is all at or below 0x20, and nothing else there is valid.
  while (position < bytes.length && (bytes[position] as number) <= SPACE) position += 1;
  return position;
}

/** The position after the value that starts at `from`. */
function skipValue(bytes: Buffer, from: number): number {
  const first = bytes[from];
  if (first === QUOTE) return skipString(bytes, from);
  if (first === OPEN_BRACE || first === OPEN_BRACKET) return skipNested(bytes, from);
  let position = from;
  while (position < bytes.length) {
    const code = bytes[position] as number;
    if (code <= SPACE || code === COMMA || code === CLOSE_BRACE) return position;
    position += 1;
  }
  return position;
}

function skipNested(bytes: Buffer, from: number): number {
  const length = bytes.length;
  let depth = 0;
  let position = from;
  while (position < length) {
    const code = bytes[position] as number;
    position += 1;
    if (code < OPEN_BRACKET) {
      if (code === QUOTE) position = skipString(bytes, position - 1);
    } else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      depth += 1;
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      depth -= 1;
      if (depth === 0) return position;
    }
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
