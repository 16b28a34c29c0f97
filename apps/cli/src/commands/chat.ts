import { createServerClient } from '../client/server-client.js';
import { type ChatOutcome, type ChatTurn, streamChat } from '../client/stream-chat.js';
import type { Command, CommandContext } from '../context.js';
import { CommandError } from '../exit-codes.js';
import { runSession } from '../client/session.js';

/** Longest text taken from a pipe. */
const MAX_STDIN = 16 * 1_048_576;

/** One question and its answer; a session where no text is given and a person sits there. */
export const chat: Command = async ({ args, options, context }) => {
  const client = await createServerClient(context, options);
  const model = typeof options['model'] === 'string' ? options['model'] : 'default';
  const system = typeof options['system'] === 'string' ? options['system'] : undefined;
  const words = args.filter((word) => word !== undefined).join(' ');
  if (words === '' && context.stdin.isTTY === true && !context.output.json) {
    return runSession({ context, client, model, system });
  }
  const piped = words === '' || words === '-' ? await readAll(context.stdin) : '';
  const text = (words === '-' || words === '' ? piped : words).trim();
  if (text === '') throw new CommandError('usage', context.messages.emptyText);
  const messages: ChatTurn[] = [
    ...(system === undefined ? [] : [{ role: 'system' as const, content: system }]),
    { role: 'user', content: text },
  ];
  const { output } = context;
  const outcome = await streamChat({ client, model, messages, onText: (part) => output.text(part) });
  output.result({ ...outcome, complete: outcome.brokeOff === undefined });
  showFooter(context, outcome);
  return outcome.brokeOff === undefined ? 'ok' : 'model';
};

/** Who answered, how long it took, what it took; and, where it is so, that the answer is not whole. */
export function showFooter({ output, messages }: CommandContext, outcome: ChatOutcome): void {
  if (!outcome.text.endsWith('\n')) output.line();
  if (outcome.brokeOff !== undefined) output.error(output.style('red', messages.brokeOff(outcome.brokeOff)));
  const facts = [
    outcome.model,
    ...(outcome.simulated ? [messages.simulatedMark] : []),
    `${(outcome.durationMs / 1_000).toFixed(1)} s`,
    outcome.usage === undefined
      ? messages.footerTokensUnknown
      : messages.footerTokens(outcome.usage.input, outcome.usage.output),
    outcome.cost === undefined ? messages.footerCostUnknown : messages.footerCost(outcome.cost),
    ...(outcome.fallback === undefined ? [] : [messages.footerFallback(outcome.fallback)]),
  ];
  output.note(output.style('dim', `— ${facts.join(' · ')}`));
}

async function readAll(stream: NodeJS.ReadStream): Promise<string> {
  if (stream.isTTY === true) return '';
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of stream) {
    const bytes = Buffer.from(piece as Buffer);
    size += bytes.length;
    if (size > MAX_STDIN) throw new CommandError('usage', `stdin: more than ${MAX_STDIN} bytes`);
    pieces.push(bytes);
  }
  return Buffer.concat(pieces).toString('utf8');
}
