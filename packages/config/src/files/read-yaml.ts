import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type Node,
  type ParsedNode,
  parseDocument,
  type YAMLError,
  type YAMLMap,
} from 'yaml';
import type { ConfigProblem } from '../problems/config-problem.js';
import { showPath } from '../problems/secret-like.js';
import { formatKey, type SettingPath } from '../settings/setting-key.js';
import { emptyMapping, SourceTree } from './source-tree.js';
import { YAML_MISTAKES } from './yaml-mistakes.js';

/** The options of every read and edit: YAML 1.2 core, no merge keys, no tags of our own, texts as keys. */
export const YAML_OPTIONS = {
  version: '1.2',
  schema: 'core',
  merge: false,
  resolveKnownTags: false,
  stringKeys: true,
  // The library compares each key with all before it; a set does the same here in one step.
  uniqueKeys: false,
  prettyErrors: false,
  logLevel: 'error',
} as const;

/** Bounds on what one file may unfold to: aliases may repeat a node, not multiply it. */
const MAX_NODES = 100_000;
const MAX_ALIASES = 100;
const MAX_DEPTH = 64;

/** Text of a YAML file → data with lines, or every syntax error. Messages never quote the text. Never throws. */
export function readYaml(options: { text: string; file: string }): SourceTree | readonly ConfigProblem[] {
  const { text, file } = options;
  const lineCounter = new LineCounter();
  if (hasTooManyTokens(text))
    return [problemAt(file, 1, undefined, `more than ${MAX_TOKENS} pieces; this is no configuration`)];
  let document: Document.Parsed;
  try {
    document = parseDocument(text, { ...YAML_OPTIONS, lineCounter });
  } catch {
    return [problemAt(file, 1, undefined, 'this is not YAML that can be read')];
  }
  const place = (offset: number) => {
    const { line, col } = lineCounter.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const mistakes = [...document.errors, ...document.warnings];
  if (mistakes.length > 0) return mistakes.map((mistake) => fromYamlError(mistake, { file, place }));
  if (document.directives.yaml.explicit === true && document.directives.yaml.version !== '1.2') {
    return [problemAt(file, 1, undefined, 'expected YAML 1.2; remove the %YAML line')];
  }
  const reader = new TreeReader({ document, file, place });
  const value = reader.read(document.contents, []);
  return reader.problems.length > 0 ? reader.problems : new SourceTree(value ?? emptyMapping(), reader.lines);
}

const TOO_DEEP = `more than ${MAX_DEPTH} levels deep`;

/** Junk of a megabyte keeps the parser busy for eight seconds; the lexer alone finds out in a fraction of one. */
const MAX_TOKENS = 100_000;
const SMALL_TEXT = 32_768;

function hasTooManyTokens(text: string): boolean {
  if (text.length <= SMALL_TEXT) return false;
  let tokens = 0;
  for (const _token of new Lexer().lex(text)) {
    tokens += 1;
    if (tokens > MAX_TOKENS) return true;
  }
  return false;
}

type Place = (offset: number) => { line: number; column: number };

function fromYamlError(error: YAMLError, { file, place }: { file: string; place: Place }): ConfigProblem {
  const { line, column } = place(error.pos[0]);
  return problemAt(file, line, column, YAML_MISTAKES[error.code] ?? 'this is not valid YAML');
}

function problemAt(file: string, line: number, column: number | undefined, detail: string): ConfigProblem {
  const origin = { kind: 'file', file, line } as const;
  return column === undefined ? { kind: 'syntax', origin, detail } : { kind: 'syntax', origin, column, detail };
}

class TreeReader {
  readonly lines = new Map<string, number>();
  readonly problems: ConfigProblem[] = [];
  readonly #document: Document.Parsed;
  readonly #file: string;
  readonly #place: Place;
  #nodes = 0;
  #aliases = 0;
  readonly #resolving = new Set<Node>();

  constructor(options: { document: Document.Parsed; file: string; place: Place }) {
    this.#document = options.document;
    this.#file = options.file;
    this.#place = options.place;
  }

  read(node: Node | ParsedNode | null | undefined, path: SettingPath): unknown {
    this.#nodes += 1;
    if (path.length > MAX_DEPTH) return this.#refuse(node, path, TOO_DEEP);
    if (this.#nodes > MAX_NODES) {
      return this.#nodes === MAX_NODES + 1 ? this.#refuse(node, [], `more than ${MAX_NODES} values`) : undefined;
    }
    if (node === null || node === undefined) return null;
    if (isScalar(node)) return node.value;
    if (isAlias(node)) return this.#alias(node, path);
    if (isMap(node)) return this.#mapping(node, path);
    if (isSeq(node)) {
      return node.items.map((item, index) => {
        const itemPath = [...path, String(index)];
        this.#mark(item as Node, itemPath);
        return this.read(item as Node, itemPath);
      });
    }
    return this.#refuse(node, path, 'expected text, a number, a list or a mapping');
  }

  #alias(node: Alias, path: SettingPath): unknown {
    this.#aliases += 1;
    if (this.#aliases > MAX_ALIASES) return this.#refuse(node, path, `more than ${MAX_ALIASES} aliases`);
    const target = node.resolve(this.#document);
    if (target === undefined) return this.#refuse(node, path, YAML_MISTAKES.BAD_ALIAS);
    if (this.#resolving.has(target)) return this.#refuse(node, path, 'this alias stands inside what it names');
    this.#resolving.add(target);
    const value = this.read(target, path);
    this.#resolving.delete(target);
    return value;
  }

  #mapping(node: YAMLMap, path: SettingPath): unknown {
    const mapping = emptyMapping();
    for (const pair of node.items) {
      const key = isScalar(pair.key) && typeof pair.key.value === 'string' ? pair.key.value : undefined;
      if (key === undefined) {
        this.#refuse(pair.key as Node, path, 'expected plain text as the key');
        continue;
      }
      const entryPath = [...path, key];
      if (key === '__proto__') this.#refuse(pair.key as Node, entryPath, 'this key is never taken');
      else if (key === '<<') this.#refuse(pair.key as Node, entryPath, 'merge keys are not taken; write the keys out');
      else if (Object.hasOwn(mapping, key)) {
        const first = this.lines.get(formatKey(entryPath));
        this.#refuse(pair.key as Node, entryPath, `written twice; the first is on line ${first}`);
      } else {
        this.#mark(pair.key as Node, entryPath);
        mapping[key] = this.read(pair.value as Node | null, entryPath);
      }
    }
    return mapping;
  }

  #mark(node: Node | null, path: SettingPath): void {
    const start = node?.range?.[0];
    if (start !== undefined) this.lines.set(formatKey(path), this.#place(start).line);
  }

  #refuse(node: Node | null | undefined, path: SettingPath, detail: string): undefined {
    const start = node?.range?.[0];
    const line = start === undefined ? 1 : this.#place(start).line;
    const origin = { kind: 'file', file: this.#file, line } as const;
    const key = path.length === 0 ? {} : { key: formatKey(showPath(path)) };
    this.problems.push({ kind: 'syntax', origin, ...key, detail });
  }
}
