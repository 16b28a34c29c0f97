import { COMMANDS } from './command-table.js';
import { EXIT_CODES } from './exit-codes.js';
import { english } from './messages/en.js';

/** The commands and exit codes as Markdown, for docs/cli.md. */
export function commandReferenceMarkdown(): string {
  const messages = english('moltbot');
  const commands = COMMANDS.map(({ name, arguments: args, key, options = [] }) => {
    const rows = options.map(({ flags, key: option }) => `- \`${flags}\`: ${messages.options[option]}`);
    const usage = ['moltbot', name, args].filter(Boolean).join(' ');
    return [`### \`${usage}\``, '', `${messages.commands[key]}.`, ...(rows.length > 0 ? ['', ...rows] : [])].join('\n');
  });
  const exits = Object.values(EXIT_CODES).map(({ code, meaning }) => `| ${code} | ${meaning} |`);
  return [
    '## Commands',
    '',
    commands.join('\n\n'),
    '',
    '## Exit codes',
    '',
    '| code | meaning |',
    '| --- | --- |',
    ...exits,
  ].join('\n');
}
