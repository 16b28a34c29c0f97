import { showFooter, toJsonOutcome } from '../client/footer.js';
import { createServerClient } from '../client/server-client.js';
import { type ChatTurn, streamChat } from '../client/stream-chat.js';
import type { Command, CommandContext } from '../context.js';
import { CommandError } from '../exit-codes.js';

/** Longest text taken from a pipe. */
const MAX_STDIN = 16 * 1_048_576;

/** One question and its answer; a session where no text is given and a person sits there. */
export const chat: Command = async ({ args, options, context }) => {
  const { output, stdin, messages } = context;
  const client = await createServerClient(context, options);
  const model = typeof options['model'] === 'string' ? options['model'] : 'default';
  const system = typeof options['system'] === 'string' ? options['system'] : undefined;
  const words = args.filter((word) => word !== undefined);
  if (options['interactive'] === true || (words.length === 0 && stdin.isTTY && !output.json)) {
    const { runSession } = await import('../client/session.js');
    return runSession({ context, client, model, system });
  }
  const text = await readText(words, context);
  if (text === '') throw new CommandError('usage', messages.emptyText);
  const turns: ChatTurn[] = [
    ...(system === undefined ? [] : [{ role: 'system' as const, content: system }]),
    { role: 'user', content: text },
  ];
  const interrupted = new AbortController();
  const interrupt = (): void => interrupted.abort();
  process.on('SIGINT', interrupt);
  try {
    const onText = (part: string): void => output.text(part);
    const outcome = await streamChat({ context, client, model, messages: turns, signal: interrupted.signal, onText });
    output.result(toJsonOutcome(outcome));
    showFooter(context, outcome);
    return outcome.brokeOff === undefined ? 'ok' : 'model';
  } catch (error) {
    if (!interrupted.signal.aborted) throw error;
    output.note(`\n${messages.cancelled}`);
    return 'interrupted';
  } finally {
    process.off('SIGINT', interrupt);
  }
};

/** The words; `-` among them stands for what comes from stdin, and no words at all are only that. */
async function readText(words: readonly string[], context: CommandContext): Promise<string> {
  if (words.length > 0 && !words.includes('-')) return words.join(' ').trim();
  const piped = await readAll(context);
  if (words.length <= 1) return piped.trim();
  return words
    .map((word) => (word === '-' ? `\n${piped}\n` : word))
    .join(' ')
    .trim();
}

async function readAll({ stdin, messages }: CommandContext): Promise<string> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of stdin) {
    const bytes = Buffer.from(piece as Buffer);
    size += bytes.length;
    if (size > MAX_STDIN) throw new CommandError('usage', messages.stdinTooLarge(MAX_STDIN / 1_048_576));
    pieces.push(bytes);
  }
  return Buffer.concat(pieces).toString('utf8');
}
