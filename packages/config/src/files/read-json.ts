import type { ConfigProblem } from '../problems/config-problem.js';
import { showPath } from '../problems/secret-like.js';
import { formatKey, type SettingPath } from '../settings/setting-key.js';
import { emptyMapping, SourceTree } from './source-tree.js';

/** Deeper than any file of ours; the reader recurses. */
const MAX_DEPTH = 32;

/** Text of a JSON file (RFC 8259) → data with lines, or its first error. The message never quotes the text. Never throws. */
export function readJson(options: { text: string; file: string }): SourceTree | readonly ConfigProblem[] {
  const reader = new JsonReader(options.text.replace(/^\uFEFF/, ''));
  try {
    const value = reader.document();
    return new SourceTree(value, reader.lines);
  } catch (error) {
    if (!(error instanceof JsonMistake)) throw error;
    const { line, column } = reader.place(error.offset);
    const origin = { kind: 'file', file: options.file, line } as const;
    const key = error.path.length === 0 ? {} : { key: formatKey(showPath(error.path)) };
    return [{ kind: 'syntax', origin, column, ...key, detail: error.message }];
  }
}

class JsonMistake extends Error {
  constructor(
    message: string,
    readonly offset: number,
    readonly path: SettingPath = [],
  ) {
    super(message);
  }
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const WORDS: readonly (readonly [string, boolean | null])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
];

class JsonReader {
  readonly lines = new Map<string, number>();
  readonly #text: string;
  #offset = 0;
  /** The line of `#counted`, so that no line is counted twice. */
  #line = 1;
  #counted = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): unknown {
    const value = this.#value([]);
    this.#space();
    if (this.#offset < this.#text.length) throw new JsonMistake('expected nothing after the last }', this.#offset);
    return value;
  }

  place(offset: number): { line: number; column: number } {
    const before = this.#text.slice(0, offset);
    return { line: before.split('\n').length, column: offset - (before.lastIndexOf('\n') + 1) + 1 };
  }

  #value(path: SettingPath): unknown {
    this.#space();
    if (path.length > MAX_DEPTH) throw new JsonMistake(`more than ${MAX_DEPTH} levels deep`, this.#offset);
    const start = this.#text[this.#offset];
    if (start === '{') return this.#object(path);
    if (start === '[') return this.#array(path);
    if (start === '"') return this.#string();
    NUMBER.lastIndex = this.#offset;
    const number = NUMBER.exec(this.#text)?.[0];
    if (number !== undefined) {
      this.#offset += number.length;
      return Number(number);
    }
    const word = WORDS.find(([text]) => this.#text.startsWith(text, this.#offset));
    if (word === undefined) throw new JsonMistake(this.#end('expected a value'), this.#offset);
    this.#offset += word[0].length;
    return word[1];
  }

  #object(path: SettingPath): unknown {
    const object = emptyMapping();
    this.#offset += 1;
    if (this.#take('}')) return object;
    do {
      this.#space();
      const start = this.#offset;
      if (this.#text[start] !== '"') throw new JsonMistake(this.#end('expected a name in double quotes'), start);
      const name = this.#string();
      const entryPath = [...path, name];
      if (name === '__proto__') throw new JsonMistake('this key is never taken', start, entryPath);
      if (Object.hasOwn(object, name)) {
        const first = this.lines.get(formatKey(entryPath));
        throw new JsonMistake(`written twice; the first is on line ${first}`, start, entryPath);
      }
      this.#mark(start, entryPath);
      if (!this.#take(':')) throw new JsonMistake(this.#end('expected a colon after the name'), this.#offset);
      object[name] = this.#value(entryPath);
    } while (this.#take(','));
    if (!this.#take('}')) throw new JsonMistake(this.#end('expected a comma or a closing }'), this.#offset);
    return object;
  }

  #array(path: SettingPath): unknown {
    const array: unknown[] = [];
    this.#offset += 1;
    if (this.#take(']')) return array;
    do {
      const entryPath = [...path, String(array.length)];
      this.#space();
      this.#mark(this.#offset, entryPath);
      array.push(this.#value(entryPath));
    } while (this.#take(','));
    if (!this.#take(']')) throw new JsonMistake(this.#end('expected a comma or a closing ]'), this.#offset);
    return array;
  }

  #string(): string {
    const start = this.#offset;
    let end = start + 1;
    for (; ; end += 1) {
      const code = this.#text.charCodeAt(end);
      if (Number.isNaN(code)) throw new JsonMistake('the closing " of this text is missing', start);
      if (code === 0x22) break;
      if (code < 0x20)
        throw new JsonMistake('a line break or control character in a text; is a closing " missing?', end);
      if (code === 0x5c) end += 1;
    }
    this.#offset = end + 1;
    try {
      return JSON.parse(this.#text.slice(start, end + 1)) as string;
    } catch {
      throw new JsonMistake('unknown escape in a text; a backslash is written twice', start);
    }
  }

  #take(character: string): boolean {
    this.#space();
    if (this.#text[this.#offset] !== character) return false;
    this.#offset += 1;
    return true;
  }

  #space(): void {
    while (/[ \t\n\r]/.test(this.#text[this.#offset] ?? '')) this.#offset += 1;
  }

  #mark(offset: number, path: SettingPath): void {
    for (; this.#counted < offset; this.#counted += 1) {
      if (this.#text.charCodeAt(this.#counted) === 0x0a) this.#line += 1;
    }
    this.lines.set(formatKey(path), this.#line);
  }

  #end(expected: string): string {
    return this.#offset >= this.#text.length ? `${expected}; the file ends here` : expected;
  }
}
