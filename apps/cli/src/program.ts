import { Command as Commander } from 'commander';
import { COMMANDS, type CommandRow } from './command-table.js';
import type { CommandOptions } from './context.js';
import type { Messages } from './messages/messages.js';
import { VERSION } from './version.js';

export interface ProgramOptions {
  readonly messages: Messages;
  readonly run: (row: CommandRow, args: readonly (string | undefined)[], options: CommandOptions) => Promise<void>;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
}

/** The table as commander's tree: `keys create` becomes `create` under `keys`. Throws CommanderError instead of exiting. */
export function createProgram(options: ProgramOptions): Commander {
  const { messages } = options;
  const program = new Commander('moltbot');
  // `update --version 1.2.3` is an option of that command.
  settle(program, options).enablePositionalOptions();
  program.description(messages.tagline).version(VERSION, '-V, --version', messages.options.version);
  for (const row of COMMANDS) {
    const words = row.name.split(' ');
    let parent = program;
    for (const word of words.slice(0, -1)) {
      parent = parent.commands.find((command) => command.name() === word) ?? addGroup(parent, word, options);
    }
    const command = parent.command([words.at(-1), row.arguments].filter(Boolean).join(' '));
    settle(command, options).description(messages.commands[row.key]);
    for (const { flags, key } of row.options ?? []) command.option(flags, messages.options[key]);
    command.action(async (...values: unknown[]) => {
      // Commander passes the arguments, then the options, then the command.
      const args = values.slice(0, -2).flat() as (string | undefined)[];
      await options.run(row, args, values.at(-2) as CommandOptions);
    });
  }
  return program;
}

function addGroup(parent: Commander, name: string, options: ProgramOptions): Commander {
  const group = parent.command(name);
  const known = options.messages.groups;
  return settle(group, options).description(name in known ? known[name as keyof typeof known] : '');
}

/** `keys create`; nothing for the program itself. */
function pathOf(command: Commander): string {
  return command.parent === null ? '' : `${pathOf(command.parent)} ${command.name()}`.trim();
}

/** What every command has: `--json`, `--help`, our language, no exit of its own, suggestions. */
function settle(command: Commander, { messages, stdout, stderr }: ProgramOptions): Commander {
  return command
    .option('--json', messages.options.json)
    .helpOption('-h, --help', messages.options.help)
    .helpCommand(false)
    .configureHelp({ styleTitle: (title) => messages.helpTitles[title] ?? title })
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
      // Said by whoever catches it.
      outputError: () => undefined,
    })
    .showSuggestionAfterError()
    .exitOverride((error) => {
      throw Object.assign(error, { of: pathOf(command) });
    });
}
