import { Document, isAlias, isMap, isNode, isScalar, isSeq, Lexer, type Pair, parseDocument, type YAMLMap } from 'yaml';
import { YAML_OPTIONS } from './read-yaml.js';
import type { SettingPath } from '../settings/setting-key.js';

export interface YamlEdit {
  readonly text: string;
  readonly path: SettingPath;
  readonly value: unknown;
}

/**
 * The text with one value set by changing as few characters as possible: all else stays as it was written. `undefined`
 * where that takes more than a piece of text (aliases, values over several lines); `rewriteKeepingComments` does those.
 */
export function patchYaml({ text, path, value }: YamlEdit): string | undefined {
  const document = parseDocument(text, YAML_OPTIONS);
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  if (document.contents === null) return appendBlock({ text, newline, lines: blockLines(path, value, '') });
  let map: unknown = document.contents;
  for (const [depth, name] of path.entries()) {
    if (!isMap(map) || map.anchor !== undefined) return undefined;
    const pair = pairOf(map, name);
    const rest = path.slice(depth);
    if (pair === undefined) return insertPair({ text, newline, map, rest, value });
    if (depth === path.length - 1) return replaceValue({ text, newline, pair, value });
    if (isNothing(pair.value)) {
      const at = lineEnd(text, startOf(pair.key) + 1);
      const mapIndent = indentOf(text, startOf(pair.key));
      const lines = blockLines(path.slice(depth + 1), value, `${mapIndent}  `);
      return text.slice(0, at) + newline + lines.join(newline) + text.slice(at);
    }
    map = pair.value;
  }
  return undefined;
}

/** The same through the library: comments and order stay, spacing becomes the library's. `undefined` where a comment would go. */
export function rewriteKeepingComments(edit: YamlEdit): string | undefined {
  const rewritten = rewriteYaml(edit);
  if (rewritten === undefined) return undefined;
  const kept = commentsOf(rewritten);
  return commentsOf(edit.text).every((comment) => kept.includes(comment)) ? rewritten : undefined;
}

function commentsOf(text: string): readonly string[] {
  return [...new Lexer().lex(text)].filter((token) => token.startsWith('#')).map((token) => token.trim());
}

function rewriteYaml({ text, path, value }: YamlEdit): string | undefined {
  const document = parseDocument(text, YAML_OPTIONS);
  if (document.contents !== null && !isMap(document.contents)) return undefined;
  for (let depth = 1; depth < path.length; depth += 1) {
    const parent = document.getIn(path.slice(0, depth), true);
    if (!isMap(parent)) document.setIn(path.slice(0, depth), document.createNode({}));
  }
  document.setIn(path, document.createNode(value));
  try {
    return document.toString({ lineWidth: 0, flowCollectionPadding: false });
  } catch {
    // Not all that the library reads it also writes: an anchor with a control character, for one.
    return undefined;
  }
}

function pairOf(map: YAMLMap, name: string): Pair | undefined {
  return map.items.find((pair) => isScalar(pair.key) && pair.key.value === name);
}

function replaceValue(options: { text: string; newline: string; pair: Pair; value: unknown }): string | undefined {
  const { text, newline, pair, value } = options;
  const node = pair.value;
  if (!isNode(node) || !node.range || isAlias(node)) return undefined;
  if (node.anchor !== undefined || node.tag?.startsWith('!') === true) return undefined;
  const start = node.range[0];
  if (isNothing(node)) {
    const colon = text.slice(0, start).trimEnd();
    return `${colon} ${flowText(value)}${text.slice(colon.length)}`;
  }
  if ((isMap(node) || isSeq(node)) && node.flow !== true) {
    const end = text.slice(lineEnd(text, endOf(pair)));
    if (Array.isArray(value) && value.length > 0) {
      const lines = value.map((item) => `- ${flowText(item)}`);
      return text.slice(0, start) + lines.join(newline + indentOf(text, start)) + end;
    }
    const colon = text.slice(0, start).trimEnd();
    return colon.endsWith(':') ? `${colon} ${flowText(value)}${end}` : undefined;
  }
  if (isScalar(node) && (node.type === 'BLOCK_LITERAL' || node.type === 'BLOCK_FOLDED')) return undefined;
  return text.slice(0, start) + flowText(value) + text.slice(node.range[1]);
}

/** `key:` with nothing behind it, or only comments below. */
function isNothing(node: unknown): boolean {
  return isScalar(node) && node.value === null && (node.range?.[0] ?? 0) === (node.range?.[1] ?? 0);
}

function insertPair(options: {
  text: string;
  newline: string;
  map: YAMLMap;
  rest: SettingPath;
  value: unknown;
}): string | undefined {
  const { text, newline, map, rest, value } = options;
  const last = map.items.at(-1);
  if (map.flow === true) {
    if (map.range === undefined || map.range === null) return undefined;
    const close = map.range[1] - 1;
    const [name = '', ...inner] = rest;
    const pair = `${flowText(name)}: ${flowText(nest(inner, value))}`;
    const before = text.slice(0, close).trimEnd();
    return `${before}${last === undefined ? '' : ', '}${pair}${text.slice(before.length)}`;
  }
  const first = map.items[0];
  if (first === undefined || last === undefined) return undefined;
  const indent = indentOf(text, startOf(first.key));
  if (indent.trim() !== '') return undefined;
  const at = lineEnd(text, endOf(last));
  return text.slice(0, at) + newline + blockLines(rest, value, indent).join(newline) + text.slice(at);
}

function appendBlock({ text, newline, lines }: { text: string; newline: string; lines: readonly string[] }): string {
  const glue = text === '' || text.endsWith('\n') ? '' : newline;
  return text + glue + lines.join(newline) + newline;
}

/** `a:` / `  b:` / `    c: value` */
function blockLines(path: SettingPath, value: unknown, indent: string): readonly string[] {
  return path.map((name, depth) => {
    const end = depth === path.length - 1 ? ` ${flowText(value)}` : '';
    return `${indent}${'  '.repeat(depth)}${flowText(name)}:${end}`;
  });
}

function nest(path: SettingPath, value: unknown): unknown {
  return path.reduceRight((inner, name) => ({ [name]: inner }), value);
}

/** The value on one line, quoted as a bracketed list needs it. */
function flowText(value: unknown): string {
  const list = new Document([value], YAML_OPTIONS);
  const text = list.toString({
    collectionStyle: 'flow',
    lineWidth: 0,
    flowCollectionPadding: false,
    blockQuote: false,
  });
  return text.trim().slice(1, -1);
}

function startOf(node: unknown): number {
  return isNode(node) ? (node.range?.[0] ?? 0) : 0;
}

/** Where the last character of a pair's value stands. */
function endOf(pair: Pair): number {
  const node = pair.value;
  if ((isMap(node) || isSeq(node)) && node.flow !== true && node.items.length > 0) {
    const last: unknown = node.items.at(-1);
    if (isMap(node)) return endOf(last as Pair);
    if (isNode(last) && isMap(last) && last.items.length > 0) return endOf(last.items.at(-1) as Pair);
    return isNode(last) ? (last.range?.[1] ?? 0) : 0;
  }
  const end = isNode(node) ? (node.range?.[1] ?? 0) : 0;
  return Math.max(end, startOf(pair.key));
}

/** What stands before the offset in its line. */
function indentOf(text: string, offset: number): string {
  return text.slice(text.lastIndexOf('\n', offset - 1) + 1, offset);
}

/** Before the line break of the offset's line; block texts end with theirs. */
function lineEnd(text: string, offset: number): number {
  const from = text[offset - 1] === '\n' ? offset - 1 : offset;
  const end = text.indexOf('\n', from);
  if (end < 0) return text.length;
  return text[end - 1] === '\r' ? end - 1 : end;
}
