import type { CommandContext } from '../context.js';
import { type ServerClient, toCommandError } from './server-client.js';

export interface ChatTurn {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

/** How one answer went. */
export interface ChatOutcome {
  readonly text: string;
  /** `provider:model` that answered; the last one where more than one did. */
  readonly model: string;
  readonly attempts: number;
  /** From whom to whom, where another than the first asked answered or finished the answer. */
  readonly fallback: string | undefined;
  readonly simulated: boolean;
  /** `stop`, `length`, … */
  readonly finishReason: string | undefined;
  readonly usage: { readonly input: number; readonly output: number } | undefined;
  /** As the server wrote it; undefined where no price is configured. */
  readonly cost: string | undefined;
  readonly durationMs: number;
  readonly requestId: string | undefined;
  /** Why the answer is incomplete. */
  readonly brokeOff: string | undefined;
}

interface Chunk {
  readonly choices?: readonly {
    readonly delta?: { readonly content?: string | null; readonly refusal?: string | null };
    readonly finish_reason?: string | null;
  }[];
  readonly usage?: { readonly prompt_tokens?: number; readonly completion_tokens?: number } | null;
  readonly error?: { readonly message?: string; readonly code?: string };
}

/** What the events of a stream said so far. */
interface Heard {
  text: string;
  usage: ChatOutcome['usage'];
  finishReason: string | undefined;
  brokeOff: string | undefined;
  done: boolean;
}

/**
 * Asks once and streams the answer to `onText`. An answer that ends without finish reason and end marker is not taken for whole.
 * @throws CommandError `unreachable`, `model`, `failed` (no answer began); the signal's reason
 */
export async function streamChat(options: {
  readonly context: CommandContext;
  readonly client: ServerClient;
  readonly model: string;
  readonly messages: readonly ChatTurn[];
  readonly signal?: AbortSignal | undefined;
  readonly onText: (text: string) => void;
}): Promise<ChatOutcome> {
  const { client, context, model, signal } = options;
  const { messages } = context;
  const started = performance.now();
  const [answer, { createEventSplitter }] = await Promise.all([
    client.send('/v1/chat/completions', {
      body: { model, messages: options.messages, stream: true, stream_options: { include_usage: true } },
      signal,
    }),
    // Loaded while the model thinks.
    import('@moltbot/providers'),
  ]);
  if (answer.status !== 200) throw await toCommandError(answer, context);
  const heard: Heard = { text: '', usage: undefined, finishReason: undefined, brokeOff: undefined, done: false };
  const splitter = createEventSplitter({});
  try {
    for await (const piece of answer.body) {
      for (const { data } of splitter.push(piece).events) hear(heard, data, options.onText);
    }
  } catch (error) {
    if (signal?.aborted === true) throw signal.reason;
    heard.brokeOff ??= error instanceof SyntaxError ? messages.notReadable : messages.connectionBroke;
  }
  if (!heard.done || heard.finishReason === undefined) heard.brokeOff ??= messages.noEndMarker;
  const served = answer.header('x-moltbot-model') ?? model;
  const writers = answer.trailer('x-moltbot-models')?.split(', ') ?? [served];
  const { text, usage, finishReason, brokeOff } = heard;
  return {
    text,
    model: writers.at(-1) ?? served,
    attempts: Number(answer.trailer('x-moltbot-attempts') ?? answer.header('x-moltbot-attempts') ?? 1),
    fallback: fallbackOf(answer.header('x-moltbot-fallback'), writers, context),
    simulated: writers.some((writer) => writer.startsWith('demo:')),
    finishReason,
    usage,
    cost: answer.trailer('x-moltbot-cost') ?? answer.header('x-moltbot-cost'),
    durationMs: Math.round(performance.now() - started),
    requestId: answer.header('x-request-id'),
    brokeOff,
  };
}

function hear(heard: Heard, data: string, onText: (text: string) => void): void {
  if (data === '[DONE]') {
    heard.done = true;
    return;
  }
  const chunk = JSON.parse(data) as Chunk;
  if (chunk.error !== undefined) heard.brokeOff = chunk.error.message ?? chunk.error.code ?? 'error';
  if (chunk.usage) {
    heard.usage = { input: chunk.usage.prompt_tokens ?? 0, output: chunk.usage.completion_tokens ?? 0 };
  }
  const [choice] = chunk.choices ?? [];
  heard.finishReason = choice?.finish_reason ?? heard.finishReason;
  const said = choice?.delta?.content ?? choice?.delta?.refusal ?? '';
  if (said === '') return;
  heard.text += said;
  onText(said);
}

/** Before the first word by header, in the middle of the answer by trailer. */
function fallbackOf(
  header: string | undefined,
  writers: readonly string[],
  { messages }: CommandContext,
): string | undefined {
  const midway = writers.length > 1 ? messages.takenOverMidway(writers.join(' -> ')) : undefined;
  const parts = [header, midway].filter((part) => part !== undefined);
  return parts.length === 0 ? undefined : parts.join(', ');
}
