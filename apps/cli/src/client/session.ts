import { appendFile, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline/promises';
import { showFooter } from '../commands/chat.js';
import type { CommandContext } from '../context.js';
import { CommandError, type ExitName } from '../exit-codes.js';
import type { ServerClient } from './server-client.js';
import { type ChatTurn, streamChat } from './stream-chat.js';

const HISTORY_FILE = 'chat-history';
const HISTORY_LINES = 1_000;

interface Session {
  readonly context: CommandContext;
  readonly client: ServerClient;
  model: string;
  system: string | undefined;
  turns: ChatTurn[];
}

/** A conversation at the terminal: history, commands with a slash, Ctrl-C for the running answer. */
export async function runSession(options: {
  readonly context: CommandContext;
  readonly client: ServerClient;
  readonly model: string;
  readonly system: string | undefined;
}): Promise<ExitName> {
  const { context } = options;
  const { output, messages, paths } = context;
  const session: Session = { ...options, turns: [] };
  const historyFile = join(paths.home, HISTORY_FILE);
  const terminal = createInterface({
    input: context.stdin,
    output: context.stdout,
    prompt: '> ',
    historySize: HISTORY_LINES,
    history: await readHistory(historyFile),
  });
  let running: AbortController | undefined;
  terminal.on('SIGINT', () => {
    if (running === undefined) terminal.close();
    else running.abort();
  });
  output.line(messages.replWelcome);
  output.line(messages.replModel(session.model));
  terminal.prompt();
  let pending = '';
  for await (const line of terminal as Interface & AsyncIterable<string>) {
    if (line.endsWith('\\')) {
      pending += `${line.slice(0, -1)}\n`;
      continue;
    }
    const text = (pending + line).trim();
    pending = '';
    if (text === '/exit' || text === '/quit') break;
    if (text !== '') {
      await remember(historyFile, text);
      running = new AbortController();
      try {
        if (text.startsWith('/')) await runSlash(session, text);
        else await answer(session, text, running.signal);
      } catch (error) {
        if (!(error instanceof CommandError)) throw error;
        // The session goes on: the next question may be answered.
        output.error(output.style('red', error.message));
      } finally {
        running = undefined;
      }
    }
    terminal.prompt();
  }
  terminal.close();
  return 'ok';
}

async function answer(session: Session, text: string, signal: AbortSignal): Promise<void> {
  const { context, client, model, system } = session;
  const { output, messages } = context;
  const asked: ChatTurn[] = [...session.turns, { role: 'user', content: text }];
  try {
    const outcome = await streamChat({
      client,
      model,
      messages: [...(system === undefined ? [] : [{ role: 'system' as const, content: system }]), ...asked],
      signal,
      onText: (part) => output.text(part),
    });
    showFooter(context, outcome);
    // A broken answer is not put into the conversation as if the model had said it.
    if (outcome.brokeOff === undefined) session.turns = [...asked, { role: 'assistant', content: outcome.text }];
  } catch (error) {
    if (!signal.aborted) throw error;
    output.line(`\n${output.style('dim', messages.cancelled)}`);
  }
}

async function runSlash(session: Session, text: string): Promise<void> {
  const { context, client } = session;
  const { output, messages } = context;
  const [command = '', ...words] = text.split(/\s+/);
  const rest = words.join(' ');
  switch (command) {
    case '/help':
      output.line(messages.replHelp);
      return;
    case '/model':
      if (rest !== '') session.model = rest;
      output.line(messages.replModel(session.model));
      return;
    case '/system':
      session.system = rest === '' ? undefined : rest;
      output.line(messages.replSystem(rest));
      return;
    case '/new':
      session.turns = [];
      output.line(messages.replNew);
      return;
    case '/models': {
      const response = await client.send('/v1/models');
      const { data } = (await response.json()) as { readonly data?: readonly { readonly id: string }[] };
      for (const { id } of data ?? []) output.line(id);
      return;
    }
    default:
      output.line(messages.replUnknown(command));
  }
}

async function readHistory(file: string): Promise<string[]> {
  try {
    const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '');
    return lines.slice(-HISTORY_LINES).reverse();
  } catch {
    return [];
  }
}

/** One line per entry, readable by the owner only; a folder that can't be written costs the history, not the session. */
async function remember(file: string, text: string): Promise<void> {
  try {
    await mkdir(join(file, '..'), { recursive: true, mode: 0o700 });
    await appendFile(file, `${text.replaceAll('\n', ' ')}\n`, { mode: 0o600 });
  } catch {
    // Nothing to do about it.
  }
}
