import { MoltbotError } from '@moltbot/contracts';

/** Where a value came from. Lines count from 1. */
export type Origin =
  | { readonly kind: 'default' }
  | { readonly kind: 'file'; readonly file: string; readonly line: number }
  | { readonly kind: 'environment'; readonly variable: string }
  | { readonly kind: 'flag'; readonly flag: string };

/** One mistake in the configuration. No part of it ever holds the value of a secret. */
export interface ConfigProblem {
  readonly kind: 'file' | 'syntax' | 'unknown_key' | 'bad_value' | 'conflict';
  readonly origin: Origin;
  /** Of a syntax error; counts from 1. */
  readonly column?: number;
  /** As it is written in `moltbot config set`: `models.retry_policy.max_attempts`. */
  readonly key?: string;
  /** What is wrong and what was expected, without place and key. */
  readonly detail: string;
}

/** At most this many problems are printed; `problems` holds them all. */
const MAX_PRINTED = 50;

/** `config_invalid` with everything that is wrong: `problems` for programs, `message` with one line each for people. */
export class ConfigError extends MoltbotError {
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    super('config_invalid', formatProblems(problems));
    this.problems = problems;
  }
}

/** `FILE:12: server.port: expected a whole number from 0 to 65535; found "abc"`; always one line. */
export function formatProblem(problem: ConfigProblem): string {
  const place = formatOrigin(problem.origin) + (problem.column === undefined ? '' : `:${problem.column}`);
  return [place, problem.key, problem.detail].filter((part) => part !== undefined && part !== '').join(': ');
}

/** `FILE:12`, `MOLTBOT_SERVER_PORT`, `--port` or `default`. */
export function formatOrigin(origin: Origin): string {
  if (origin.kind === 'file') return origin.line > 0 ? `${origin.file}:${origin.line}` : origin.file;
  if (origin.kind === 'environment') return origin.variable;
  return origin.kind === 'flag' ? origin.flag : 'default';
}

function formatProblems(problems: readonly ConfigProblem[]): string {
  const lines = problems.slice(0, MAX_PRINTED).map(formatProblem);
  const hidden = problems.length - lines.length;
  return [...lines, ...(hidden > 0 ? [`… and ${hidden} more`] : [])].join('\n');
}
