import type { CallerRequest, JsonObject } from '../../caller-request.js';
import { nestsWithin, readList, readObject } from '../../read-json.js';
import { parseExact } from './exact-json.js';
import { DEEPEST_JSON } from './to-schema.js';

/**
 * Stands for the signature of a thinking block that we translated: the seal that belongs to it, if any, is another vendor's
 * or another conversation's, and Anthropic's API refuses a conversation that brings it back. So such blocks are known by
 * this word when a caller sends its conversation again, and go to no model.
 */
export const UNSIGNED = 'moltbot-unsigned';

/** The `messages` of a caller's body, as JSON text, without thinking blocks that we wrote; `undefined` where there is none. */
export function withoutUnsigned(call: CallerRequest): string | undefined {
  if (!(call.scanned?.body ?? call.bytes).includes(UNSIGNED)) return undefined;
  const given = readList(readObject(parseExact(call.bytes.toString('utf8')))?.['messages']);
  if (!nestsWithin(given, DEEPEST_JSON)) return undefined;
  let found = false;
  const messages: unknown[] = [];
  for (const message of given) {
    const content = readObject(message)?.['content'];
    if (!Array.isArray(content)) {
      messages.push(message);
      continue;
    }
    const kept = content.filter((block) => !isUnsigned(readObject(block)));
    if (kept.length === content.length) messages.push(message);
    // A message of nothing else goes: the API takes no empty one, and joins neighbours of one role.
    else if (kept.length > 0) messages.push({ ...readObject(message), content: kept });
    found ||= kept.length < content.length;
  }
  return found ? JSON.stringify(messages) : undefined;
}

function isUnsigned(block: JsonObject | undefined): boolean {
  return block?.['type'] === 'thinking' && block['signature'] === UNSIGNED;
}
