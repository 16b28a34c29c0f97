import { createServerClient, type ServerClient } from '../client/server-client.js';
import { streamChat } from '../client/stream-chat.js';
import type { Command, CommandContext } from '../context.js';
import { CommandError } from '../exit-codes.js';

interface Verdict {
  readonly model: string;
  readonly ok: boolean;
  /** Who answered. */
  readonly servedBy?: string;
  readonly durationMs: number;
  readonly code?: string;
  /** What happened and what to do. */
  readonly message?: string;
}

interface Tested {
  readonly name: string;
  readonly isChain: boolean;
}

/** A model that has not answered such a short question by now is of no use to a person who waits. */
const WITHIN_MS = 120_000;

/** One short question to each model, one after the other, through the running server. */
export const modelsTest: Command = async ({ args, options, context }) => {
  const { output, messages } = context;
  const client = await createServerClient(context, options);
  const tested = await choose(
    client,
    args.filter((name) => name !== undefined),
  );
  if (tested.length === 0) throw new CommandError('failed', messages.noModels);
  const interrupted = new AbortController();
  const interrupt = (): void => interrupted.abort();
  process.on('SIGINT', interrupt);
  const verdicts: Verdict[] = [];
  try {
    for (const model of tested) {
      output.note(output.errorStyle('dim', messages.testing(model.name)));
      const verdict = await test({ ...model, client, context, interrupted: interrupted.signal });
      verdicts.push(verdict);
      show(context, verdict);
    }
  } catch (error) {
    if (!interrupted.signal.aborted) throw error;
    output.note(messages.cancelled);
  } finally {
    process.off('SIGINT', interrupt);
  }
  output.result({ models: verdicts });
  if (interrupted.signal.aborted) return 'interrupted';
  return verdicts.every(({ ok }) => ok) ? 'ok' : 'failed';
};

/** What was named, else every member of every chain. */
async function choose(client: ServerClient, names: readonly string[]): Promise<readonly Tested[]> {
  const { data = [] } = (await client.getJson('/v1/models')) as {
    readonly data?: readonly { id: string; moltbot?: { readonly kind: string; readonly members: readonly string[] } }[];
  };
  const chains = data.filter(({ moltbot }) => moltbot?.kind === 'chain');
  if (names.length > 0) return names.map((name) => ({ name, isChain: chains.some(({ id }) => id === name) }));
  const members = new Set(chains.flatMap(({ moltbot }) => moltbot?.members ?? []));
  return [...members].map((name) => ({ name, isChain: false }));
}

async function test(
  options: Tested & {
    readonly client: ServerClient;
    readonly context: CommandContext;
    readonly interrupted: AbortSignal;
  },
): Promise<Verdict> {
  const { name: model, isChain, client, context, interrupted } = options;
  const { messages } = context;
  const started = performance.now();
  const failed = (code: string, message: string): Verdict => ({
    model,
    ok: false,
    durationMs: Math.round(performance.now() - started),
    code,
    message,
  });
  try {
    const outcome = await streamChat({
      context,
      client,
      model,
      messages: [{ role: 'user', content: 'Answer with the one word: ready' }],
      signal: AbortSignal.any([interrupted, AbortSignal.timeout(WITHIN_MS)]),
      onText: () => undefined,
    });
    if (outcome.brokeOff !== undefined) return failed('stream_interrupted', messages.brokeOff(outcome.brokeOff));
    // `fallback_for_explicit`: another answered, so this one did not.
    if (!isChain && outcome.fallback !== undefined) return failed('fallback', messages.testFellBack(outcome.fallback));
    return { model, ok: true, servedBy: outcome.model, durationMs: outcome.durationMs };
  } catch (error) {
    if (interrupted.aborted) throw error;
    if (error instanceof CommandError && error.exit !== 'unreachable') return failed(error.code, error.message);
    if (!(error instanceof CommandError)) return failed('upstream_timeout', messages.testTimedOut(WITHIN_MS / 1_000));
    throw error;
  }
}

function show({ output, messages }: CommandContext, { ok, model, servedBy, durationMs, message, code }: Verdict): void {
  if (ok) {
    output.line(`${output.style('green', '✓')} ${model}  ${messages.testOk(servedBy ?? model, durationMs)}`);
    return;
  }
  const [what = code ?? '', ...more] = (message ?? '').split('\n');
  output.line(`${output.style('red', '✗')} ${model}  ${what}  (${durationMs} ms)`);
  for (const line of more) output.line(`  ${line}`);
}
