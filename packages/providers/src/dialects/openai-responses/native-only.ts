import type { NativeOnly } from '../../dialect-door.js';
import type { JsonObject } from '../../json-object.js';
import { readList, readObject } from '../../read-json.js';

/** Fields that name what only the provider has, and what to send in their stead. */
const KEPT_THERE: Readonly<Record<string, string>> = {
  previous_response_id: 'send the items of the conversation so far in `input`',
  conversation: 'send the items of the conversation so far in `input`',
  prompt: 'send its words in `instructions` or `input`',
};

/**
 * Whether a body only makes sense where its bytes go through to an API of OpenAI’s: MoltBot keeps no responses, conversations
 * or prompts, and no other provider has them.
 */
export function nativeOnly(value: JsonObject): NativeOnly | undefined {
  for (const [param, instead] of Object.entries(KEPT_THERE)) {
    if (value[param] !== undefined && value[param] !== null) return refusal(param, instead);
  }
  const reference = readList(value['input']).findIndex((item) => isReference(readObject(item)));
  if (reference === -1) return undefined;
  return refusal(
    `input.${reference}`,
    'send the item itself (clients that refer to items do so unless `store` is false)',
  );
}

/** Both words of a reference may be left out: an id alone is one. */
function isReference(item: JsonObject | undefined): boolean {
  if (item === undefined || typeof item['id'] !== 'string') return false;
  const { type } = item;
  return type === 'item_reference' || ((type === undefined || type === null) && item['role'] === undefined);
}

function refusal(param: string, instead: string): NativeOnly {
  const message = `${param}: MoltBot keeps no responses, and only a model behind OpenAI’s responses API may have this one: ${instead}.`;
  return { param, message };
}
