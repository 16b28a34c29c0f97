import { createEventSplitter } from '@moltbot/providers';
import { CommandError } from '../exit-codes.js';
import { readError, type ServerClient } from './server-client.js';

export interface ChatTurn {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

/** How one answer went. */
export interface ChatOutcome {
  readonly text: string;
  /** `provider:model` that answered. */
  readonly model: string;
  readonly attempts: number;
  readonly fallback: string | undefined;
  readonly simulated: boolean;
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
  readonly usage?: {
    readonly prompt_tokens?: number;
    readonly completion_tokens?: number;
    readonly cost?: string;
  } | null;
  readonly error?: { readonly message?: string; readonly code?: string };
  readonly simulated?: boolean;
}

/**
 * Asks once and streams the answer to `onText`. An answer that ends without its end marker is not taken for whole.
 * @throws CommandError `unreachable`, `model` (no answer began)
 */
export async function streamChat(options: {
  readonly client: ServerClient;
  readonly model: string;
  readonly messages: readonly ChatTurn[];
  readonly signal?: AbortSignal;
  readonly onText: (text: string) => void;
}): Promise<ChatOutcome> {
  const { client, onText } = options;
  const started = performance.now();
  const response = await client.send('/v1/chat/completions', {
    body: { model: options.model, messages: options.messages, stream: true, stream_options: { include_usage: true } },
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  if (!response.ok || response.body === null) {
    const { code, message } = await readError(response);
    throw new CommandError('model', `${code}: ${message}`, { code });
  }
  let text = '';
  let usage: ChatOutcome['usage'];
  let done = false;
  let simulated = response.headers.get('x-moltbot-model')?.startsWith('demo:') === true;
  let brokeOff: string | undefined;
  const splitter = createEventSplitter({});
  try {
    for await (const piece of response.body) {
      for (const { data } of splitter.push(Buffer.from(piece)).events) {
        if (data === '[DONE]') {
          done = true;
          continue;
        }
        const chunk = JSON.parse(data) as Chunk;
        if (chunk.error !== undefined) brokeOff = chunk.error.message ?? chunk.error.code ?? 'error';
        if (chunk.simulated === true) simulated = true;
        if (chunk.usage) usage = { input: chunk.usage.prompt_tokens ?? 0, output: chunk.usage.completion_tokens ?? 0 };
        const delta = chunk.choices?.[0]?.delta;
        const said = delta?.content ?? delta?.refusal ?? '';
        if (said !== '') {
          text += said;
          onText(said);
        }
      }
    }
  } catch (error) {
    if (options.signal?.aborted === true) throw error;
    brokeOff ??= 'the connection broke';
  }
  if (!done) brokeOff ??= 'the stream ended without its end marker';
  return {
    text,
    model: response.headers.get('x-moltbot-model') ?? options.model,
    attempts: Number(response.headers.get('x-moltbot-attempts') ?? 1),
    fallback: response.headers.get('x-moltbot-fallback') ?? undefined,
    simulated,
    usage,
    cost: response.headers.get('x-moltbot-cost') ?? undefined,
    durationMs: Math.round(performance.now() - started),
    requestId: response.headers.get('x-request-id') ?? undefined,
    brokeOff,
  };
}
