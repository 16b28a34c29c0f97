import { createServerClient, readError } from '../client/server-client.js';
import { streamChat } from '../client/stream-chat.js';
import type { Command, CommandContext } from '../context.js';
import { CommandError } from '../exit-codes.js';

interface Verdict {
  readonly model: string;
  readonly ok: boolean;
  readonly servedBy?: string;
  readonly durationMs: number;
  readonly error?: string;
  readonly message?: string;
}

/** One short question to each model, one after the other, through the running server. */
export const modelsTest: Command = async ({ args, options, context }) => {
  const { output, messages } = context;
  const client = await createServerClient(context, options);
  const named = args.filter((name) => name !== undefined);
  const names = named.length > 0 ? named : await membersOf(client);
  if (names.length === 0) throw new CommandError('failed', messages.noModels);
  const verdicts: Verdict[] = [];
  for (const model of names) {
    output.note(messages.testing(model));
    const verdict = await test(model, client);
    verdicts.push(verdict);
    show(context, verdict);
  }
  output.result({ models: verdicts });
  return verdicts.every(({ ok }) => ok) ? 'ok' : 'model';
};

async function membersOf(client: Awaited<ReturnType<typeof createServerClient>>): Promise<readonly string[]> {
  const response = await client.send('/v1/models');
  if (!response.ok) {
    const { code, message } = await readError(response);
    throw new CommandError('failed', `${code}: ${message}`, { code });
  }
  const { data } = (await response.json()) as {
    readonly data: readonly { readonly moltbot: { readonly kind: string; readonly members: readonly string[] } }[];
  };
  return [...new Set(data.filter(({ moltbot }) => moltbot.kind === 'chain').flatMap(({ moltbot }) => moltbot.members))];
}

async function test(model: string, client: Awaited<ReturnType<typeof createServerClient>>): Promise<Verdict> {
  const started = performance.now();
  const since = () => Math.round(performance.now() - started);
  try {
    const outcome = await streamChat({
      client,
      model,
      messages: [{ role: 'user', content: 'Answer with the one word: ready' }],
      onText: () => undefined,
    });
    if (outcome.brokeOff !== undefined) {
      return { model, ok: false, durationMs: since(), error: 'stream_interrupted', message: outcome.brokeOff };
    }
    return { model, ok: true, servedBy: outcome.model, durationMs: since() };
  } catch (error) {
    if (!(error instanceof CommandError) || error.exit === 'unreachable') throw error;
    return { model, ok: false, durationMs: since(), error: error.code ?? 'failed', message: error.message };
  }
}

function show({ output, messages }: CommandContext, verdict: Verdict): void {
  if (verdict.ok) {
    output.line(
      `${output.style('green', '✓')} ${verdict.model}  ${messages.testOk(verdict.servedBy ?? verdict.model, verdict.durationMs)}`,
    );
  } else {
    output.line(`${output.style('red', '✗')} ${verdict.model}  ${verdict.message ?? verdict.error ?? ''}`);
  }
}
