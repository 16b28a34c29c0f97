import { homedir } from 'node:os';
import { moltbotPaths, processEnvironment, readLocale } from '@moltbot/config';
import { CommanderError } from 'commander';
import { commandName } from './command-name.js';
import type { CommandContext } from './context.js';
import { EXIT_CODES } from './exit-codes.js';
import { explainError } from './explain-error.js';
import { messagesFor } from './messages/messages.js';
import { createOutput } from './output.js';
import { createProgram } from './program.js';

/** Runs one command line. @returns the exit code; never throws */
export async function run(argv: readonly string[]): Promise<number> {
  const env = processEnvironment();
  const messages = messagesFor({ locale: readLocale(env), command: commandName({ folder: process.cwd() }) });
  const end = argv.indexOf('--');
  const json = argv.slice(0, end < 0 ? argv.length : end).includes('--json');
  const output = createOutput({ json, stdout: process.stdout, stderr: process.stderr });
  const context: CommandContext = {
    env,
    paths: moltbotPaths({ env, homeDirectory: homedir() }),
    output,
    messages,
    stdin: process.stdin,
    stdout: process.stdout,
  };
  let code: number = EXIT_CODES.ok.code;
  const program = createProgram({
    messages,
    stdout: process.stdout,
    stderr: process.stderr,
    run: async (row, args, options) => {
      endQuietlyWithoutReader(row.serves === true);
      const command = await row.load();
      const exit = await command({ args, options, context });
      code = typeof exit === 'number' ? exit : EXIT_CODES[exit].code;
    },
  });
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return code;
  } catch (error) {
    return report(error, context);
  }
}

function report(error: unknown, { output, messages }: CommandContext): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return EXIT_CODES.ok.code;
    // A group without a command: its help was the answer.
    if (error.code === 'commander.help') return EXIT_CODES.usage.code;
  }
  const { exit, ...explained } = explainError(error, messages);
  if (output.json) output.result({ error: explained });
  else {
    output.error(output.errorStyle('red', explained.message));
    if (explained.action !== undefined) output.error(explained.action);
  }
  return EXIT_CODES[exit].code;
}

/** A reader that went away (`| head`) ends a command quietly; a server goes on without one. */
function endQuietlyWithoutReader(serves: boolean): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (!serves) process.exit(error.code === 'EPIPE' ? EXIT_CODES.ok.code : EXIT_CODES.failed.code);
  });
  process.stderr.on('error', () => undefined);
}
