import type { LogReport, SummaryReport } from './report.js';
import type { SummaryPrompt } from './to-summary-prompt.js';

const MAX_ANSWER = 16_384;
const MAX_CLAIMS = 24;
const MAX_CLAIM = 500;
/** A claim ends with its sentence, or with its citation; `e.g.` ends none. */
const ENDS = /(?<=(?<!\b(?:e\.g|i\.e|vs|cf|etc|approx|no))[.!?]|[。！？])\s+|(?<=\])\s+(?=[\p{Lu}\p{N}])|\n+/gu;
const MARKS = /^\s*(?:[-*•#>]+|\d+[.)])\s+/gm;
const CITATION = /\[([^\][]*)\]/g;
const ID = /^[0-9a-f]{12}$/;

/**
 * What a model wrote, claim by claim. One that cites no template in square brackets, or a template that it was not told of, is left out and
 * counted: log text can talk a model into many things, but not into a claim about what is not in the log.
 */
export function readSummary(answer: string, prompt: SummaryPrompt): Pick<SummaryReport, 'claims' | 'removed'> {
  const known = new Set(prompt.templateIds);
  const claims: { text: string; templateIds: readonly string[] }[] = [];
  const removed = { uncited: 0, unknown: 0 };
  for (const part of claimsOf(answer.slice(0, MAX_ANSWER))) {
    const ids = [...part.matchAll(CITATION)].flatMap(([, inside = '']) => inside.split(/[\s,;]+/).filter(isCited));
    const text = clean(part.replace(CITATION, (whole, inside: string) => (isCitation(inside) ? '' : whole)));
    if (text === '') continue;
    if (ids.length === 0) removed.uncited += 1;
    else if (ids.some((id) => !known.has(id))) removed.unknown += 1;
    else if (claims.length < MAX_CLAIMS) claims.push({ text, templateIds: [...new Set(ids)] });
    else removed.uncited += 1;
  }
  return { claims, removed };
}

/** The report with what a model wrote about it. */
export const withSummary = (report: LogReport, summary: SummaryReport): LogReport => ({ ...report, summary });

/** Sentences; what is only a citation belongs to the sentence before it. */
function claimsOf(answer: string): string[] {
  const claims: string[] = [];
  for (const part of answer.replace(MARKS, '').split(ENDS)) {
    if (part.trim() === '') continue;
    const last = claims.length - 1;
    if (last >= 0 && /^(?:\s*\[[^\][]*\])+[\s.!?]*$/.test(part)) claims[last] += ` ${part}`;
    else claims.push(part);
  }
  return claims;
}

/** What stands for an id: wrong ones too, so that they are told. */
const isCited = (text: string): boolean => ID.test(text);

const isCitation = (inside: string): boolean =>
  inside.trim() !== '' &&
  inside
    .trim()
    .split(/[\s,;]+/)
    .every(isCited);

/** Plain text on one line: no marks of lists, nothing that a terminal or a page would obey. */
function clean(text: string): string {
  const plain = text
    .replace(/[\p{Cc}\p{Cf}]+/gu, ' ')
    .replace(/\s+/g, ' ')
    .replace(/\s+([.,;!?])/g, '$1')
    .trim();
  return plain.length > MAX_CLAIM ? `${plain.slice(0, MAX_CLAIM - 1)}…` : plain;
}
