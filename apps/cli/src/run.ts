import { homedir } from 'node:os';
import { moltbotPaths, processEnvironment, readLocale } from '@moltbot/config';
import { MoltbotError } from '@moltbot/contracts';
import { Command as Commander, CommanderError } from 'commander';
import { COMMANDS, type CommandRow } from './command-table.js';
import type { CommandContext, CommandOptions } from './context.js';
import { CommandError, EXIT_CODES, type ExitName } from './exit-codes.js';
import { en } from './messages/en.js';
import type { Messages } from './messages/en.js';
import { zh } from './messages/zh.js';
import { createOutput } from './output.js';
import { VERSION } from './version.js';

/** Codes of the error table that say the start or a change was refused, rather than that something failed. */
const REFUSALS: ReadonlySet<string> = new Set(['config_invalid', 'unsafe_bind', 'port_in_use']);

/** Runs one command line. @returns the exit code; never throws */
export async function run(argv: readonly string[]): Promise<number> {
  const env = processEnvironment();
  const messages: Messages = readLocale(env) === 'zh' ? zh : en;
  const json = argv.includes('--json');
  const output = createOutput({ json, stdout: process.stdout, stderr: process.stderr });
  // A reader that went away (`| head`) is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  const context: CommandContext = {
    env,
    paths: moltbotPaths({ env, homeDirectory: homedir() }),
    output,
    messages,
    stdin: process.stdin,
    stdout: process.stdout,
  };
  let exit: ExitName = 'ok';
  const program = createProgram({
    messages,
    run: async (row, args, options) => {
      const command = await row.load();
      exit = await command({ args, options, context });
    },
  });
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return EXIT_CODES[exit].code;
  } catch (error) {
    return EXIT_CODES[report(error, context)].code;
  }
}

function report(error: unknown, { output, messages }: CommandContext): ExitName {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 'ok';
    if (output.json) output.result({ error: { code: 'usage', message: error.message } });
    else output.error(messages.usageHint);
    return 'usage';
  }
  const { exit, code, message, action } = explain(error);
  if (output.json) output.result({ error: { code, message, ...(action === undefined ? {} : { action }) } });
  else output.error(action === undefined || message.includes(action) ? message : `${message}\n${action}`);
  return exit;
}

function explain(error: unknown): { exit: ExitName; code: string; message: string; action: string | undefined } {
  if (error instanceof CommandError) {
    return { exit: error.exit, code: error.code ?? error.exit, message: error.message, action: undefined };
  }
  if (error instanceof MoltbotError) {
    const exit = REFUSALS.has(error.code) ? 'refused' : 'failed';
    return { exit, code: error.code, message: error.message, action: error.action };
  }
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { exit: 'failed', code: 'internal_error', message, action: undefined };
}

type RunRow = (row: CommandRow, args: readonly (string | undefined)[], options: CommandOptions) => Promise<void>;

/** The table as commander's tree; `keys create` becomes `create` under `keys`. */
export function createProgram({
  messages,
  run: runRow,
}: {
  readonly messages: Messages;
  readonly run: RunRow;
}): Commander {
  const program = new Commander('moltbot')
    .description(messages.tagline)
    .version(VERSION, '-V, --version')
    .option('--json', messages.options['json'])
    .showSuggestionAfterError()
    .exitOverride();
  for (const row of COMMANDS) {
    const words = row.name.split(' ');
    let parent = program;
    for (const word of words.slice(0, -1)) {
      parent = parent.commands.find((command) => command.name() === word) ?? addGroup(parent, word);
    }
    const command = parent
      .command([words.at(-1), row.arguments].filter(Boolean).join(' '))
      .description(messages.commands[row.key])
      .option('--json', messages.options['json'])
      .exitOverride()
      .showSuggestionAfterError();
    for (const { flags, key } of row.options ?? []) command.option(flags, messages.options[key]);
    command.action(async (...values: unknown[]) => {
      // Commander passes the arguments, then the options, then the command.
      const args = values.slice(0, -2).flat() as (string | undefined)[];
      await runRow(row, args, values.at(-2) as CommandOptions);
    });
  }
  return program;
}

function addGroup(parent: Commander, name: string): Commander {
  return parent.command(name).exitOverride().showSuggestionAfterError();
}
