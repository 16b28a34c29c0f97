import { isAscii, isUtf8 } from 'node:buffer';
import { type ChatRequest, type Dialect, MoltbotError } from '@moltbot/contracts';
import type { DialectDoor } from './dialect-door.js';
import { jsonErrorPosition } from './json-error-position.js';
import type { JsonObject } from './json-object.js';
import { refuse } from './request-fields.js';

export type { JsonObject } from './json-object.js';

/**
 * A caller's chat request, kept as bytes and read once. Where caller and target speak the same dialect the bytes go through
 * with only the fields that are ours rewritten; `request()` is only called where words must be translated.
 */
export interface CallerRequest {
  readonly requestId: string;
  readonly dialect: Dialect;
  /** The body as it came: valid UTF-8, one valid JSON object. */
  readonly bytes: Buffer;
  /** The parsed body. */
  readonly value: JsonObject;
  readonly stream: boolean;
  /** Whether the caller wants token counts at the end of a stream (always true outside `openai-chat`). */
  readonly wantsStreamUsage: boolean;
  /** Estimated input tokens (bytes / 4): for choosing a model with room only. */
  readonly estimatedInputTokens: number;
  /**
   * The request in our words; computed once, then kept.
   * @throws MoltbotError `invalid_request` with the path of the field at fault
   */
  request(): ChatRequest;
}

const MOST_MESSAGES = 10_000;
const MOST_MODELS = 32;
const LONGEST_MODEL = 321;
/** Roughly what a token of English takes; only for choosing a model with room. */
const BYTES_PER_TOKEN = 4;

/**
 * Reads a caller's body once: UTF-8, JSON, and the few fields that choose the way. The rest is the business of whoever
 * translates it (`request()`), or of the provider that gets the bytes.
 * @throws MoltbotError `invalid_json`, `invalid_request`
 */
export function createCallerRequest(options: {
  readonly requestId: string;
  readonly door: DialectDoor;
  readonly bytes: Buffer;
}): CallerRequest {
  const { requestId, door, bytes } = options;
  const value = readJsonObject(bytes);
  checkHotFields(value);
  let request: ChatRequest | undefined;
  return {
    requestId,
    dialect: door.dialect,
    bytes,
    value,
    stream: value['stream'] === true,
    wantsStreamUsage: door.dialect !== 'openai-chat' || asksForUsage(value['stream_options']),
    estimatedInputTokens: Math.ceil(bytes.length / BYTES_PER_TOKEN),
    request() {
      request ??= door.fromRequest(value);
      return request;
    },
  };
}

/** @throws MoltbotError `invalid_json` for bytes that are no UTF-8 or no JSON, `invalid_request` for JSON that is no object */
export function readJsonObject(bytes: Buffer): JsonObject {
  const value = parse(bytes);
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw new MoltbotError('invalid_request', 'The body is JSON, but no object.');
}

function parse(bytes: Buffer): unknown {
  // ASCII is valid UTF-8, and becomes a string of one byte a character, which parses twice as fast.
  const ascii = isAscii(bytes);
  if (!ascii && !isUtf8(bytes)) throw new MoltbotError('invalid_json', 'The body is not valid UTF-8.');
  const text = bytes.toString(ascii ? 'latin1' : 'utf8');
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // The engine's own message quotes the body.
    const position = jsonErrorPosition(text);
    const where = position === undefined ? '' : ` (at character ${position})`;
    throw new MoltbotError('invalid_json', `The body is not valid JSON${where}.`);
  }
}

function checkHotFields(value: JsonObject): void {
  const { model, models, stream, messages } = value;
  if (model !== undefined && model !== null) checkModel(model, 'model');
  if (models !== undefined && models !== null) {
    if (!Array.isArray(models) || models.length === 0 || models.length > MOST_MODELS) {
      throw refuse('models', `a list of 1 to ${MOST_MODELS} models`);
    }
    for (const [index, name] of models.entries()) checkModel(name, `models.${index}`);
  }
  if (stream !== undefined && stream !== null && typeof stream !== 'boolean') throw refuse('stream', 'true or false');
  if (!Array.isArray(messages)) throw refuse('messages', 'a list of messages');
  if (messages.length === 0) throw refuse('messages', 'at least one message');
  if (messages.length > MOST_MESSAGES) throw refuse('messages', `at most ${MOST_MESSAGES} messages`);
  for (let index = 0; index < messages.length; index += 1) {
    const message: unknown = messages[index];
    if (typeof message !== 'object' || message === null || Array.isArray(message))
      throw refuse(`messages.${index}`, 'an object');
    if (typeof (message as JsonObject)['role'] !== 'string') throw refuse(`messages.${index}.role`, 'a string');
  }
}

function checkModel(name: unknown, path: string): void {
  if (typeof name !== 'string') throw refuse(path, 'a string');
  if (name === '' || name.length > LONGEST_MODEL) throw refuse(path, `1 to ${LONGEST_MODEL} characters`);
}

function asksForUsage(streamOptions: unknown): boolean {
  return (
    typeof streamOptions === 'object' &&
    streamOptions !== null &&
    (streamOptions as JsonObject)['include_usage'] === true
  );
}
