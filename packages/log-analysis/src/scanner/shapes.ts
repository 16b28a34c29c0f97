import { PLACEHOLDER } from './variable-types.js';

/**
 * How a variable is written in a template: `<*>`, `<*>:<*>` for an address with its port, `<*> KB` for a size. The shape is
 * no part of a message's key, so that `5 KB` and `3 MB` meet; a variable seen in several shapes is written `<*>`.
 */
export const SHAPE = {
  plain: 0,
  pair: 1,
  triple: 2,
  dashedDate: 3,
  slashedDate: 4,
} as const;

const FIRST: readonly string[] = [PLACEHOLDER, '<*>:<*>', '<*>:<*>:<*>', '<*>-<*>-<*>', '<*>/<*>/<*>'];
const texts: string[] = [...FIRST];
const ids = new Map(texts.map((text, id) => [text, id]));

/** Shapes come from the fixed table of units only: there are a few hundred at most. */
export function shapeOf(text: string): number {
  const known = ids.get(text);
  if (known !== undefined) return known;
  const id = texts.length;
  texts.push(text);
  ids.set(text, id);
  return id;
}

export const shapeText = (id: number): string => texts[id] ?? PLACEHOLDER;
