import { MoltbotError } from '@moltbot/contracts';
import type { ChatMessage, ChatOrder } from '../engine/engine-protocol.js';

type JsonObject = Readonly<Record<string, unknown>>;

export interface ChatRequestBody {
  readonly model: string;
  readonly stream: boolean;
  readonly includeUsage: boolean;
  readonly order: ChatOrder;
}

const ROLES: Readonly<Record<string, ChatMessage['role']>> = {
  system: 'system',
  developer: 'system',
  user: 'user',
  assistant: 'assistant',
};
const MAX_STOPS = 16;

/**
 * A body of OpenAI's chat completions, as far as a local model can follow it.
 * @throws MoltbotError `invalid_request` with the field
 */
export function readChatRequest(bytes: Buffer): ChatRequestBody {
  const body = parse(bytes);
  const { model, messages } = body;
  if (typeof model !== 'string' || model === '') throw wrong('model', 'must be the name of a model');
  if (!Array.isArray(messages) || messages.length === 0) throw wrong('messages', 'must hold at least one message');
  if (Array.isArray(body['tools']) && body['tools'].length > 0)
    throw wrong('tools', 'can not be used with local models');
  if ((numberIn(body, 'n', 1, 128) ?? 1) !== 1) throw wrong('n', 'must be 1 with local models');
  return {
    model,
    stream: body['stream'] === true,
    includeUsage: object(body['stream_options'])?.['include_usage'] === true,
    order: {
      messages: messages.map((message, index) => toMessage(message, index)),
      maxTokens: numberIn(body, 'max_completion_tokens', 1, 1e9) ?? numberIn(body, 'max_tokens', 1, 1e9),
      temperature: numberIn(body, 'temperature', 0, 100),
      topP: numberIn(body, 'top_p', 0, 1),
      topK: numberIn(body, 'top_k', 0, 1e6),
      minP: numberIn(body, 'min_p', 0, 1),
      seed: numberIn(body, 'seed', -Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
      repeatPenalty: numberIn(body, 'repeat_penalty', 0, 100),
      stop: stopsOf(body['stop']),
      format: formatOf(body['response_format']),
    },
  };
}

function parse(bytes: Buffer): JsonObject {
  try {
    const value = object(JSON.parse(bytes.toString('utf8')));
    if (value !== undefined) return value;
  } catch {
    // Said below.
  }
  throw new MoltbotError('invalid_request', 'The body is not a JSON object.');
}

function object(value: unknown): JsonObject | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
}

function toMessage(value: unknown, index: number): ChatMessage {
  const message = object(value);
  const role = ROLES[String(message?.['role'])];
  const at = `messages.${index}`;
  if (role === undefined) throw wrong(`${at}.role`, 'must be system, developer, user or assistant with local models');
  const content = message?.['content'];
  if (typeof content === 'string') return { role, text: content };
  if (content === null && role === 'assistant') return { role, text: '' };
  if (!Array.isArray(content)) throw wrong(`${at}.content`, 'must be a text or a list of texts');
  const texts = content.map((part: unknown) => {
    const text = object(part)?.['text'];
    if (object(part)?.['type'] === 'text' && typeof text === 'string') return text;
    throw wrong(`${at}.content`, 'may hold only texts with local models');
  });
  return { role, text: texts.join('') };
}

function numberIn(body: JsonObject, field: string, min: number, max: number): number | undefined {
  const value = body[field];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number' && value >= min && value <= max) return value;
  throw wrong(field, `must be a number from ${min} to ${max}`);
}

function stopsOf(value: unknown): readonly string[] {
  const stops: readonly unknown[] = Array.isArray(value) ? value : value === undefined || value === null ? [] : [value];
  const texts = stops.filter((stop): stop is string => typeof stop === 'string' && stop !== '');
  if (texts.length !== stops.length || texts.length > MAX_STOPS)
    throw wrong('stop', `must be up to ${MAX_STOPS} texts`);
  return texts;
}

function formatOf(value: unknown): ChatOrder['format'] {
  const format = object(value);
  switch (format?.['type']) {
    case undefined:
    case 'text':
      return 'text';
    case 'json_object':
      return 'json';
    case 'json_schema': {
      const schema = object(object(format['json_schema'])?.['schema']);
      return schema === undefined ? 'json' : { schema };
    }
    default:
      throw wrong('response_format.type', 'must be text, json_object or json_schema');
  }
}

function wrong(param: string, expectation: string): MoltbotError {
  return new MoltbotError('invalid_request', `\`${param}\` ${expectation}.`, { param });
}
