import type { Environment, MoltbotPaths } from '@moltbot/config';
import type { ExitName } from './exit-codes.js';
import type { Messages } from './messages/messages.js';
import type { Output } from './output.js';

/** What every command is given; nothing is reached for. */
export interface CommandContext {
  readonly env: Environment;
  readonly paths: MoltbotPaths;
  readonly output: Output;
  readonly messages: Messages;
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
}

export type CommandOptions = Readonly<Record<string, string | boolean | undefined>>;

/** One command. @returns the exit code or its name; throws CommandError or MoltbotError */
export type Command = (call: {
  readonly args: readonly (string | undefined)[];
  readonly options: CommandOptions;
  readonly context: CommandContext;
}) => Promise<ExitName | number>;
