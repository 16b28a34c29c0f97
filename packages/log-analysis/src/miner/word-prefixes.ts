import { VARIABLE_BYTE } from '../scanner/variable-types.js';
import { commonPrefix, type Template, wordRanges } from './template.js';

/** A word that begins differently ends what all words at its place had in common. */
export function shortenPrefixes(template: Template, key: Uint8Array): void {
  if (template.variables.every(({ prefix }) => prefix === '')) return;
  const mine = wordRanges(template.key);
  const theirs = wordRanges(key);
  let variable = 0;
  mine.forEach((word, index) => {
    const target = template.variables[variable];
    const their = theirs[index];
    if (
      target !== undefined &&
      their !== undefined &&
      target.prefix !== '' &&
      template.key[word.start] === VARIABLE_BYTE
    ) {
      target.prefix = commonPrefix(target.prefix, textOfWord(key, their.start, their.end));
    }
    for (let at = word.start; at < word.end; at += 1) if (template.key[at] === VARIABLE_BYTE) variable += 1;
  });
}

export function setPrefixes(template: Template, positions: readonly number[], prefixes: readonly string[]): void {
  const words = wordRanges(template.key);
  let variable = 0;
  words.forEach((word, index) => {
    const prefix = prefixes[positions.indexOf(index)];
    const target = template.variables[variable];
    if (prefix !== undefined && prefix !== '' && target !== undefined) target.prefix = prefix;
    for (let at = word.start; at < word.end; at += 1) if (template.key[at] === VARIABLE_BYTE) variable += 1;
  });
}

/** What the words of all templates at the position begin with. */
export function sharedPrefix(templates: readonly Template[], position: number): string {
  let prefix: string | undefined;
  for (const { key } of templates) {
    const word = wordRanges(key)[position];
    if (word === undefined) return '';
    const text = textOfWord(key, word.start, word.end);
    prefix = prefix === undefined ? text : commonPrefix(prefix, text);
    if (prefix === '') return '';
  }
  return prefix ?? '';
}

function textOfWord(key: Uint8Array, start: number, end: number): string {
  let text = '';
  for (let at = start; at < end; at += 1) {
    if (key[at] === VARIABLE_BYTE) break;
    text += String.fromCharCode(key[at] as number);
  }
  return text;
}
