import type { z } from 'zod';
import type { ConfigProblem, Origin } from './config-problem.js';
import { isSecretKey, showFound, showPath } from './secret-like.js';
import { formatKey, type SettingPath } from '../settings/setting-key.js';
import type { SettingShape } from '../settings/setting-shape.js';
import { valueAt } from '../files/source-tree.js';
import { askWhether, suggestKeys } from './suggest-key.js';

export interface IssueContext {
  readonly issues: readonly z.core.$ZodIssue[];
  /** What was parsed. */
  readonly value: unknown;
  readonly shape: SettingShape;
  /** What a mapping is called in the file's format. */
  readonly mapping?: string;
  readonly originAt: (path: SettingPath) => Origin;
}

const YAML_MAPPING = 'a mapping (indented lines of `key: value`)';

/** zod's issues in the words of the file: place, key, what was expected, and the value where it is no secret. */
export function explainIssues(context: IssueContext): readonly ConfigProblem[] {
  const problems = context.issues.flatMap((issue) => explain(issue, context));
  return problems.sort((left, right) => lineOf(left.origin) - lineOf(right.origin));
}

function lineOf(origin: Origin): number {
  return origin.kind === 'file' ? origin.line : 0;
}

function explain(issue: z.core.$ZodIssue, context: IssueContext): readonly ConfigProblem[] {
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => unknownKey([...path, key], context));
  }
  const { leafPath, rest, shape } = nearestShape(path, context.shape);
  const value = valueAt(context.value, path);
  const entry = rest.length > 0 && shape?.node === 'leaf' ? `entry ${Number(rest[0]) + 1}: ` : '';
  const missing = value === undefined && issue.code !== 'invalid_key';
  // An environment variable or a flag may hold anything; only what stands in the file is repeated.
  const found = context.originAt(path).kind === 'file' && issue.code !== 'invalid_key' ? showFound(path, value) : '';
  const detail =
    entry +
    (missing ? 'is missing; ' : '') +
    expectedBy({ issue, shape, inList: entry !== '', missing, mapping: context.mapping ?? YAML_MAPPING }) +
    found;
  return [
    {
      kind: 'bad_value',
      origin: context.originAt(path),
      ...(leafPath.length === 0 ? {} : { key: formatKey(showPath(leafPath)) }),
      detail,
    },
  ];
}

function unknownKey(path: SettingPath, { shape, originAt }: IssueContext): ConfigProblem {
  const suggestion = askWhether(suggestKeys(path, shape));
  const hint = suggestion === '' && isSecretKey(path) ? '; keys of providers belong in auth.json' : suggestion;
  return { kind: 'unknown_key', origin: originAt(path), key: formatKey(showPath(path)), detail: `unknown key${hint}` };
}

/** The leaf that the path leads to or into (an entry of a list), with what is left of the path. */
function nearestShape(path: SettingPath, root: SettingShape) {
  let shape: SettingShape | undefined = root;
  for (const [index, part] of path.entries()) {
    if (shape === undefined || shape.node === 'leaf') {
      return { leafPath: path.slice(0, index), rest: path.slice(index), shape };
    }
    shape = shape.node === 'record' ? shape.entry : shape.fields.get(part);
  }
  return { leafPath: path, rest: [], shape };
}

function expectedBy(options: {
  issue: z.core.$ZodIssue;
  shape: SettingShape | undefined;
  inList: boolean;
  missing: boolean;
  mapping: string;
}): string {
  const { issue, shape, inList, missing, mapping } = options;
  if (issue.code === 'invalid_key') return ownWords(issue.issues[0]) ?? 'expected another name';
  const own = ownWords(issue);
  if (own !== undefined) return own;
  if (issue.code === 'too_small' && issue.origin === 'string') return 'expected text that is not empty';
  if (issue.code === 'too_big' && issue.origin === 'string') return `expected at most ${issue.maximum} characters`;
  if (issue.code === 'too_big' && issue.origin === 'array') return `expected at most ${issue.maximum} entries`;
  const isText = inList || (shape?.node === 'leaf' && shape.kind === 'text');
  if (isText) return missing ? 'expected text' : 'expected text (numbers, true and false need quotes)';
  return shape?.node === 'leaf' ? shape.expected : `expected ${mapping}`;
}

function ownWords(issue: z.core.$ZodIssue | undefined): string | undefined {
  return issue?.message.startsWith('expected ') === true ? issue.message : undefined;
}
