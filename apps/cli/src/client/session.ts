import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { CommandContext } from '../context.js';
import type { ExitName } from '../exit-codes.js';
import { explainError } from '../explain-error.js';
import { ChatHistory } from './chat-history.js';
import { showFooter, toJsonOutcome } from './footer.js';
import { readInputs } from './read-inputs.js';
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

/**
 * A conversation: history, commands with a slash, Ctrl-C for the running answer. From a pipe, a line is a question; the exit code
 * is then that of the last answer.
 */
export async function runSession(options: {
  readonly context: CommandContext;
  readonly client: ServerClient;
  readonly model: string;
  readonly system: string | undefined;
}): Promise<ExitName> {
  const { context } = options;
  const { output, messages, paths, stdin, stdout } = context;
  const session: Session = { ...options, turns: [] };
  const typed = stdin.isTTY && output.interactive && !output.json;
  const history = new ChatHistory(join(paths.home, HISTORY_FILE));
  const terminal = createInterface({
    input: stdin,
    ...(typed ? { output: stdout, prompt: '> ', historySize: HISTORY_LINES, history: await history.load() } : {}),
    terminal: typed,
  });
  const prompt = (): void => {
    if (typed) terminal.prompt();
  };
  let running: AbortController | undefined;
  const interrupt = (): void => {
    if (running === undefined || running.signal.aborted) terminal.close();
    else running.abort();
  };
  terminal.on('SIGINT', interrupt);
  // Without a terminal of readline's own the signal comes to the process.
  if (!typed) process.on('SIGINT', interrupt);
  let exit: ExitName = 'ok';
  output.line(messages.replWelcome);
  output.line(messages.replModel(session.model));
  prompt();
  try {
    for await (const input of readInputs({ terminal, pasting: typed })) {
      const text = input.trim();
      if (text === '/exit' || text === '/quit') break;
      if (text !== '') {
        if (typed) await history.add(text);
        running = new AbortController();
        const ended = await runInput(session, text, running.signal);
        running = undefined;
        if (!typed) exit = ended;
        if (ended === 'interrupted' && !typed) break;
      }
      prompt();
    }
  } finally {
    terminal.close();
    process.off('SIGINT', interrupt);
    // The shell's prompt stands on a line of its own.
    if (typed) output.line();
  }
  return exit;
}

/** The session goes on after every failure: the next question may be answered. */
async function runInput(session: Session, text: string, signal: AbortSignal): Promise<ExitName> {
  const { output, messages } = session.context;
  try {
    if (!text.startsWith('/')) return await answer(session, text, signal);
    await runSlash(session, text);
    return 'ok';
  } catch (error) {
    if (signal.aborted) {
      output.line(`\n${output.style('dim', messages.cancelled)}`);
      return 'interrupted';
    }
    const { exit, ...explained } = explainError(error, messages);
    if (output.json) output.result({ error: explained });
    else output.error(output.errorStyle('red', explained.message));
    return exit;
  }
}

async function answer(session: Session, text: string, signal: AbortSignal): Promise<ExitName> {
  const { context, client, model, system } = session;
  const { output } = context;
  const asked: ChatTurn[] = [...session.turns, { role: 'user', content: text }];
  const outcome = await streamChat({
    context,
    client,
    model,
    messages: [...(system === undefined ? [] : [{ role: 'system' as const, content: system }]), ...asked],
    signal,
    onText: (part) => output.text(part),
  });
  output.result(toJsonOutcome(outcome));
  showFooter(context, outcome);
  if (outcome.brokeOff !== undefined) return 'model';
  // A broken answer is not put into the conversation as if the model had said it.
  session.turns = [...asked, { role: 'assistant', content: outcome.text }];
  return 'ok';
}

async function runSlash(session: Session, text: string): Promise<void> {
  const { context, client } = session;
  const { output, messages } = context;
  const [, command = '', rest = ''] = /^(\S+)\s*(.*)$/s.exec(text) ?? [];
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
      const { data } = (await client.getJson('/v1/models')) as { readonly data?: readonly { readonly id: string }[] };
      for (const { id } of data ?? []) output.line(id);
      return;
    }
    default:
      output.line(messages.replUnknown(command));
  }
}
