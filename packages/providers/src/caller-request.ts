import { isAscii, isUtf8 } from 'node:buffer';
import { type ChatRequest, type Dialect, MoltbotError } from '@moltbot/contracts';
import { ByteRope } from './byte-rope.js';
import { checkConversation } from './check-conversation.js';
import type { DialectDoor, NativeOnly } from './dialect-door.js';
import { jsonErrorPosition } from './json-error-position.js';
import { checkJsonLimits } from './json-limits.js';
import type { JsonObject } from './json-object.js';
import { ScannedBody } from './scanned-body.js';
import { readObject } from './read-json.js';
import { refuse } from './request-fields.js';

export type { JsonObject } from './json-object.js';

/**
 * A caller's chat request, kept as bytes and read once. Where caller and target speak the same dialect the bytes go through
 * with only the fields that are ours rewritten; `request()` is only called where words must be translated.
 */
export interface CallerRequest {
  readonly requestId: string;
  readonly dialect: Dialect;
  /** The body as it came: valid UTF-8, one valid JSON object. A long one is joined at the first use. */
  readonly bytes: Buffer;
  /** A long body that was scanned instead of parsed; then nothing that merely passes it on needs `bytes`. */
  readonly scanned?: ScannedBody | undefined;
  /** The whole body. A long one is parsed at the first use: nothing that merely passes a request on looks here. */
  readonly value: JsonObject;
  readonly model: string | undefined;
  readonly models: readonly string[] | undefined;
  readonly stream: boolean;
  /** OpenAI chat's `stream_options`, where it is an object. */
  readonly streamOptions: JsonObject | undefined;
  /** Whether the caller wants token counts at the end of a stream (always true outside `openai-chat`). */
  readonly wantsStreamUsage: boolean;
  /** Estimated input tokens (bytes / 4): for choosing a model with room only. */
  readonly estimatedInputTokens: number;
  /**
   * The request in our words; computed once, then kept.
   * @throws MoltbotError `invalid_request` with the path of the field at fault
   */
  request(): ChatRequest;
  /** Why only a model of the caller's own dialect can take it, where that is so. */
  nativeOnly?(): NativeOnly | undefined;
}

const MOST_MODELS = 32;
const LONGEST_MODEL = 321;
/** Roughly what a token of English takes; only for choosing a model with room. */
const BYTES_PER_TOKEN = 4;
/** From here on a scan and the few values that choose the way cost less than all values. */
const SHORTEST_SCANNED = 4_096;

/**
 * Reads a caller's body once: UTF-8, JSON, and the few fields that choose the way. The rest is the business of whoever
 * translates it (`request()`), or of the provider that gets the bytes.
 * @throws MoltbotError `invalid_json`, `invalid_request`
 */
export function createCallerRequest(options: {
  readonly requestId: string;
  readonly door: DialectDoor;
  /** The body, in one or in the pieces in which it came. */
  readonly bytes: Buffer | ByteRope;
}): CallerRequest {
  return new ReadRequest(options);
}

class ReadRequest implements CallerRequest {
  readonly requestId: string;
  readonly dialect: Dialect;
  readonly scanned: ScannedBody | undefined;
  readonly model: string | undefined;
  readonly models: readonly string[] | undefined;
  readonly stream: boolean;
  readonly streamOptions: JsonObject | undefined;
  readonly wantsStreamUsage: boolean;
  readonly estimatedInputTokens: number;
  readonly #door: DialectDoor;
  readonly #body: ByteRope;
  #value: JsonObject | undefined;
  #request: ChatRequest | undefined;

  constructor({ requestId, door, bytes }: Parameters<typeof createCallerRequest>[0]) {
    this.requestId = requestId;
    this.dialect = door.dialect;
    this.#door = door;
    this.#body = bytes instanceof ByteRope ? bytes : new ByteRope([bytes]);
    this.scanned = this.#body.length < SHORTEST_SCANNED ? undefined : ScannedBody.of(this.#body);
    const { scanned } = this;
    const read = (key: string): unknown => (scanned === undefined ? this.value[key] : scanned.read(key));
    this.model = readModel(read('model'), 'model');
    this.models = readModels(read('models'));
    this.stream = readStream(read('stream'));
    checkConversation({ member: door.conversation, scanned, value: () => this.value });
    this.streamOptions = readObject(read('stream_options'));
    this.wantsStreamUsage = door.dialect !== 'openai-chat' || this.streamOptions?.['include_usage'] === true;
    this.estimatedInputTokens = Math.ceil(this.#body.length / BYTES_PER_TOKEN);
  }

  get bytes(): Buffer {
    return this.#body.bytes;
  }

  get value(): JsonObject {
    this.#value ??= readJsonObject(this.bytes);
    return this.#value;
  }

  request(): ChatRequest {
    this.#request ??= this.#door.fromRequest(this.value);
    return this.#request;
  }

  nativeOnly(): NativeOnly | undefined {
    return this.#door.nativeOnly?.(this.value);
  }
}

/** @throws MoltbotError `invalid_json` for bytes that are no UTF-8 or no JSON, `invalid_request` for JSON that is no object */
export function readJsonObject(bytes: Buffer): JsonObject {
  const value = parse(bytes);
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw new MoltbotError('invalid_request', 'The body is JSON, but no object.');
}

function parse(bytes: Buffer): unknown {
  checkJsonLimits(bytes);
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

function readModels(models: unknown): readonly string[] | undefined {
  if (models === undefined || models === null) return undefined;
  if (!Array.isArray(models) || models.length === 0 || models.length > MOST_MODELS) {
    throw refuse('models', `a list of 1 to ${MOST_MODELS} models`);
  }
  return models.map((name, index) => {
    const model = readModel(name, `models.${index}`);
    if (model === undefined) throw refuse(`models.${index}`, 'a string');
    return model;
  });
}

function readModel(name: unknown, path: string): string | undefined {
  if (name === undefined || name === null) return undefined;
  if (typeof name !== 'string') throw refuse(path, 'a string');
  if (name === '' || name.length > LONGEST_MODEL) throw refuse(path, `1 to ${LONGEST_MODEL} characters`);
  return name;
}

function readStream(stream: unknown): boolean {
  if (stream !== undefined && stream !== null && typeof stream !== 'boolean') throw refuse('stream', 'true or false');
  return stream === true;
}
