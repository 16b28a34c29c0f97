import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { WarmupPrompt } from '@moltbot/config';
import { type ChatRequest, type Message, MoltbotError } from '@moltbot/contracts';
import {
  anthropicMessagesDoor,
  type CallerRequest,
  createCallerRequest,
  type JsonObject,
  type Model,
  openAiChatDoor,
  readJsonObject,
} from '@moltbot/providers';

/** What a model is asked where only its having answered matters. */
export const PROMPT = 'Reply with OK.';
/** The least that every API takes (OpenAI's responses refuse fewer than 16). */
const MAX_TOKENS = 16;
const LONGEST_FILE = 8 * 1_048_576;
const DOORS = { 'openai-chat': openAiChatDoor, 'anthropic-messages': anthropicMessagesDoor } as const;
/** One of them has to be in a request of an operator: without it nobody knows what an answer costs. */
const LIMITS = ['max_tokens', 'max_completion_tokens'] as const;

/** Fields of a request that a warm-up decides. */
const OURS: ReadonlySet<string> = new Set(['model', 'models', 'stream', 'stream_options']);

/** The bytes of a prompt. @throws MoltbotError `config_invalid` where it can't be read or is longer than 8 MB; the signal's reason */
export async function readPrompt(
  { file }: WarmupPrompt,
  { home, signal }: { readonly home: string; readonly signal: AbortSignal },
): Promise<Buffer> {
  const path = resolve(home, file);
  try {
    const found = await stat(path);
    // A pipe or a device would never end.
    if (!found.isFile()) throw new MoltbotError('config_invalid', `${path} is no file.`);
    if (found.size > LONGEST_FILE) throw new MoltbotError('config_invalid', `${path} is longer than 8 MB.`);
    return await readFile(path, { signal });
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof MoltbotError) throw error;
    const reason = (error as NodeJS.ErrnoException).code ?? 'it can’t be read';
    throw new MoltbotError('config_invalid', `The prompt ${path}: ${reason}.`, { cause: error });
  }
}

/**
 * The request that puts a prompt into a model's cache. A request in JSON goes as its callers would send it, whole. A text becomes
 * the system prompt; Anthropic caches what is marked, the others what is long enough.
 * @throws MoltbotError `config_invalid` for a file that is no text, no request, or sets no limit
 */
export function promptCall(options: {
  readonly model: Model;
  readonly requestId: string;
  readonly prompt: WarmupPrompt;
  readonly file: Buffer;
}): CallerRequest {
  const { model, requestId, prompt, file } = options;
  if (prompt.file.endsWith('.json')) return requestOf({ model, requestId, prompt, file });
  const text = textOf(file, prompt);
  if (model.dialect !== 'anthropic-messages') {
    const messages: Message[] = [
      { role: 'system', content: [{ type: 'text', text }] },
      { role: 'user', content: [{ type: 'text', text: PROMPT }] },
    ];
    return translatedCall({ model, requestId, messages });
  }
  return createCallerRequest({
    requestId,
    door: anthropicMessagesDoor,
    bytes: toBytes({
      model: model.ref,
      max_tokens: MAX_TOKENS,
      system: [{ type: 'text', text, cache_control: { type: 'ephemeral' } }],
      messages: [{ role: 'user', content: PROMPT }],
    }),
  });
}

function requestOf({ model, requestId, prompt, file }: Parameters<typeof promptCall>[0]): CallerRequest {
  try {
    const kept = Object.entries(readJsonObject(file)).filter(([key]) => !OURS.has(key));
    const value: JsonObject = { ...Object.fromEntries(kept), model: model.ref };
    if (!LIMITS.some((name) => typeof value[name] === 'number')) {
      throw new MoltbotError('config_invalid', `${prompt.file} says neither ${LIMITS.join(' nor ')}.`);
    }
    return createCallerRequest({ requestId, door: DOORS[prompt.dialect], bytes: toBytes(value) });
  } catch (error) {
    if (!(error instanceof MoltbotError) || error.code === 'config_invalid') throw error;
    throw new MoltbotError('config_invalid', `${prompt.file}: ${error.message}`, { cause: error });
  }
}

function textOf(file: Buffer, prompt: WarmupPrompt): string {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(file);
    if (text.trim() !== '') return text;
  } catch {
    // Said below.
  }
  throw new MoltbotError('config_invalid', `${prompt.file}: expected a text in UTF-8.`);
}

/**
 * In a dialect that is not the model's own, so that it is said in the provider's way: what limits the length of an answer
 * has another name with each.
 */
export function translatedCall(options: {
  readonly model: Model;
  readonly requestId: string;
  readonly messages: readonly Message[];
}): CallerRequest {
  const { model, requestId, messages } = options;
  const request: ChatRequest = { messages, maxOutputTokens: MAX_TOKENS, unknownFields: [] };
  const value = { model: model.ref, max_tokens: MAX_TOKENS, messages: request.messages };
  const bytes = toBytes(value);
  return {
    requestId,
    dialect: model.dialect === 'anthropic-messages' ? 'openai-chat' : 'anthropic-messages',
    bytes,
    value,
    model: undefined,
    models: undefined,
    streamOptions: undefined,
    stream: false,
    wantsStreamUsage: true,
    estimatedInputTokens: Math.ceil(bytes.length / 4),
    request: () => request,
  };
}

function toBytes(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}
