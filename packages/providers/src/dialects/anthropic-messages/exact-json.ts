import type { Json } from '@moltbot/contracts';

/** More digits than a double keeps, or an exponent beyond its range: such numbers are ids as a rule. */
const INEXACT = /\d[\d.]{15}|\d[eE][+-]?\d{3}/;

type RawJson = typeof JSON & { rawJSON(text: string): Json };

/**
 * JSON.parse whose result JSON.stringify prints with every number as it was written (ECMA-262 JSON.rawJSON).
 * @throws SyntaxError
 */
export function parseExact(text: string): unknown {
  if (!INEXACT.test(text)) return JSON.parse(text) as unknown;
  return JSON.parse(text, keepNumber) as unknown;
}

function keepNumber(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  const source = context?.source;
  if (typeof value !== 'number' || source === undefined || String(value) === source) return value;
  return (JSON as RawJson).rawJSON(source);
}
