import { ConfigError, formatProblem } from '@moltbot/config';
import { isRefusal, MoltbotError } from '@moltbot/contracts';
import { CommanderError } from 'commander';
import { CommandError, type ExitName } from './exit-codes.js';
import type { Messages } from './messages/messages.js';

/** An error as people and programs are told of it. */
export interface Explained {
  readonly exit: ExitName;
  readonly code: string;
  readonly message: string;
  /** What to do about it. */
  readonly action?: string | undefined;
  /** Every mistake of the configuration, one line each. */
  readonly problems?: readonly string[];
}

/** Refusals of our own store or checks that are the caller's wrong words. */
const USAGE: ReadonlySet<string> = new Set(['invalid_request']);

export function explainError(error: unknown, messages: Messages): Explained {
  if (error instanceof CommandError) return { exit: error.exit, code: error.code, message: error.message };
  if (error instanceof CommanderError) {
    const { of = '' } = error as { readonly of?: string };
    return { exit: 'usage', code: 'usage', message: explainUsage(error, messages), action: messages.usageHint(of) };
  }
  if (error instanceof MoltbotError) {
    const { code, message } = error;
    if (USAGE.has(code)) return { exit: 'usage', code, message };
    const exit = isRefusal(error) ? 'refused' : 'failed';
    const action = messages.errorAction(code);
    const problems = error instanceof ConfigError ? { problems: error.problems.map(formatProblem) } : {};
    return { exit, code, message, action: message.includes(action) ? undefined : action, ...problems };
  }
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { exit: 'failed', code: 'internal_error', message };
}

/** Commander says what is wrong in English only: its codes and the quoted words are said in our messages instead. */
function explainUsage({ code, message }: CommanderError, messages: Messages): string {
  const quoted = /'([^']*)'/.exec(message)?.[1] ?? '';
  const similar = /\(Did you mean (?:one of )?(.*)\?\)/.exec(message)?.[1];
  const hint = similar === undefined ? '' : ` ${messages.didYouMean(similar)}`;
  switch (code) {
    case 'commander.unknownCommand':
      return messages.unknownCommand(quoted) + hint;
    case 'commander.unknownOption':
      return messages.unknownOption(quoted) + hint;
    case 'commander.missingArgument':
      return messages.missingArgument(quoted);
    case 'commander.optionMissingArgument':
      return messages.missingValue(quoted);
    case 'commander.excessArguments':
      return messages.excessArguments(/but got \d+: (.*)\.$/s.exec(message)?.[1] ?? '');
    default:
      return message.replace(/^error: /, '');
  }
}
