import { MoltbotError } from '@moltbot/contracts';
import type { DialectDoor } from './dialect-door.js';
import type { JsonObject } from './json-object.js';
import { refuse } from './request-fields.js';
import type { ScannedBody } from './scanned-body.js';

const MOST_MESSAGES = 10_000;
/** What an answer can be asked for without `input`: the provider keeps the conversation, or a prompt. */
const KEPT_INPUT = ['previous_response_id', 'conversation', 'prompt'];

/**
 * The coarse shape of a conversation, which is all that is looked at where its bytes go through.
 * @param value the whole body, parsed at the first use
 * @throws MoltbotError `invalid_request`
 */
export function checkConversation(options: {
  readonly member: DialectDoor['conversation'];
  readonly scanned: ScannedBody | undefined;
  readonly value: () => JsonObject;
}): void {
  const { member, scanned, value } = options;
  if (member === 'messages') {
    if (scanned === undefined || !hasMessages(scanned)) checkMessages(value()['messages']);
    return;
  }
  if (scanned === undefined || !hasInput(scanned)) checkInput(value());
  checkBackground(scanned === undefined ? value()['background'] : scanned.read('background'));
}

/** Whether the messages are surely what `checkMessages` takes. */
function hasMessages({ members }: ScannedBody): boolean {
  const messages = members.findLast(({ key }) => key === 'messages');
  if (messages?.isList !== true || !messages.elementsHaveRoles) return false;
  return messages.elements > 0 && messages.elements <= MOST_MESSAGES;
}

function checkMessages(messages: unknown): void {
  if (!Array.isArray(messages)) throw refuse('messages', 'a list of messages');
  if (messages.length === 0) throw refuse('messages', 'at least one message');
  if (messages.length > MOST_MESSAGES) throw refuse('messages', `at most ${MOST_MESSAGES} messages`);
  for (let index = 0; index < messages.length; index += 1) {
    const message: unknown = messages[index];
    if (!isObject(message)) throw refuse(`messages.${index}`, 'an object');
    if (typeof message['role'] !== 'string') throw refuse(`messages.${index}.role`, 'a string');
  }
}

/** Whether the input is surely what `checkInput` takes. */
function hasInput({ members }: ScannedBody): boolean {
  const input = members.findLast(({ key }) => key === 'input');
  if (input?.isText === true) return true;
  if (input?.isList !== true || !input.elementsAreObjects) return false;
  return input.elements > 0 && input.elements <= MOST_MESSAGES;
}

function checkInput(value: JsonObject): void {
  const { input } = value;
  if (typeof input === 'string') return;
  if (input === undefined || input === null) {
    if (KEPT_INPUT.some((key) => value[key] !== undefined && value[key] !== null)) return;
    throw refuse('input', 'a text or a list of items');
  }
  if (!Array.isArray(input)) throw refuse('input', 'a text or a list of items');
  if (input.length === 0) throw refuse('input', 'at least one item');
  if (input.length > MOST_MESSAGES) throw refuse('input', `at most ${MOST_MESSAGES} items`);
  for (let index = 0; index < input.length; index += 1) {
    if (!isObject(input[index])) throw refuse(`input.${index}`, 'an object');
  }
}

/**
 * Nobody could fetch such an answer here. Streamed it would be written to its end, and paid, when its caller has left or another
 * model has taken over: nobody would learn what it cost.
 */
function checkBackground(background: unknown): void {
  if (background !== true) return;
  throw new MoltbotError(
    'invalid_request',
    'background: MoltBot keeps no responses, so that nobody could fetch this one later. Ask without it; what takes long fits into a batch.',
    { param: 'background' },
  );
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
