import type { AssistantMessage, ImagePart, Message, TextPart, ToolCallPart } from '@moltbot/contracts';
import type { JsonObject } from '../../caller-request.js';
import { readObject, readText } from '../../read-json.js';
import { expectList, expectObject, expectText, optionalText, refuse } from '../../request-fields.js';
import { readParts } from '../openai-fields.js';

export const MOST_MESSAGES = 10_000;
const MOST_CALLS = 1_024;

const DATA_URL = /^data:([^;,]+)(?:;[^;,]+)*;base64,/;

/** `messages` of a caller. What has no word in ours is added to `unknown` as `messages.0.content.1 (file)`. */
export function fromMessages(value: unknown, unknown: Set<string>): Message[] {
  const messages = expectList(value, 'messages', MOST_MESSAGES);
  if (messages.length === 0) throw refuse('messages', 'at least one message');
  return messages.flatMap((item, index): Message[] => {
    const path = `messages.${index}`;
    const message = expectObject(item, path);
    if (message['name'] !== undefined && message['name'] !== null) unknown.add(`${path}.name`);
    switch (expectText(message['role'], `${path}.role`)) {
      case 'system':
      case 'developer':
        return [{ role: 'system', content: fromTexts(message['content'], `${path}.content`, unknown) }];
      case 'user':
        return [{ role: 'user', content: fromUserContent(message['content'], `${path}.content`, unknown) }];
      case 'assistant':
        return [{ role: 'assistant', content: fromAssistant(message, path, unknown) }];
      case 'tool': {
        const toolCallId = expectText(message['tool_call_id'], `${path}.tool_call_id`);
        return [{ role: 'tool', toolCallId, content: fromUserContent(message['content'], `${path}.content`, unknown) }];
      }
      case 'function':
        // Calls without ids are gone from the API since 2023; there is nothing to answer to.
        unknown.add(`${path} (function)`);
        return [];
      default:
        throw refuse(`${path}.role`, '"system", "developer", "user", "assistant" or "tool"');
    }
  });
}

function fromTexts(content: unknown, path: string, unknown: Set<string>): TextPart[] {
  return readParts(content, path, 'text').flatMap(([part, at]) => {
    if (part['type'] === 'text') return [fromText(part, at)];
    unknown.add(`${at} (${String(part['type'])})`);
    return [];
  });
}

function fromUserContent(content: unknown, path: string, unknown: Set<string>): (TextPart | ImagePart)[] {
  return readParts(content, path, 'text').flatMap(([part, at]): (TextPart | ImagePart)[] => {
    switch (part['type']) {
      case 'text':
        return [fromText(part, at)];
      case 'image_url':
        return [fromImage(expectObject(part['image_url'], `${at}.image_url`), `${at}.image_url`)];
      default:
        unknown.add(`${at} (${String(part['type'])})`);
        return [];
    }
  });
}

function fromText(part: JsonObject, path: string): TextPart {
  return { type: 'text', text: expectText(part['text'], `${path}.text`) };
}

function fromImage(image: JsonObject, path: string): ImagePart {
  const url = expectText(image['url'], `${path}.url`);
  const detail = optionalText(image['detail'], `${path}.detail`);
  const data = DATA_URL.exec(url);
  const source: ImagePart['source'] =
    data === null
      ? { type: 'url', url }
      : { type: 'base64', mediaType: data[1] ?? '', data: url.slice(data[0].length) };
  if (detail !== 'auto' && detail !== 'low' && detail !== 'high') return { type: 'image', source };
  return { type: 'image', source, detail };
}

function fromAssistant(message: JsonObject, path: string, unknown: Set<string>): AssistantMessage['content'] {
  const parts: AssistantMessage['content'][number][] = [];
  // OpenRouter and Ollama give it another name.
  const reasoning =
    optionalText(message['reasoning_content'], `${path}.reasoning_content`) ?? readText(message['reasoning']);
  if (reasoning !== undefined && reasoning !== '') parts.push({ type: 'reasoning', text: reasoning });
  const { content } = message;
  if (content !== undefined && content !== null) {
    for (const [part, at] of readParts(content, `${path}.content`, 'text')) {
      if (part['type'] === 'text') parts.push(fromText(part, at));
      else if (part['type'] === 'refusal')
        parts.push({ type: 'refusal', text: expectText(part['refusal'], `${at}.refusal`) });
      else unknown.add(`${at} (${String(part['type'])})`);
    }
  }
  const refusal = optionalText(message['refusal'], `${path}.refusal`);
  if (refusal !== undefined) parts.push({ type: 'refusal', text: refusal });
  parts.push(...fromToolCalls(message['tool_calls'], `${path}.tool_calls`, unknown));
  if (message['function_call'] !== undefined && message['function_call'] !== null) unknown.add(`${path}.function_call`);
  if (message['audio'] !== undefined && message['audio'] !== null) unknown.add(`${path}.audio`);
  return parts;
}

function fromToolCalls(value: unknown, path: string, unknown: Set<string>): ToolCallPart[] {
  if (value === undefined || value === null) return [];
  return expectList(value, path, MOST_CALLS).flatMap((item, index): ToolCallPart[] => {
    const at = `${path}.${index}`;
    const call = expectObject(item, at);
    const type = optionalText(call['type'], `${at}.type`) ?? 'function';
    if (type !== 'function') {
      unknown.add(`${at} (${type})`);
      return [];
    }
    const made = expectObject(call['function'], `${at}.function`);
    const signature = readThoughtSignature(call);
    return [
      {
        type: 'tool-call',
        id: expectText(call['id'], `${at}.id`),
        name: expectText(made['name'], `${at}.function.name`),
        arguments: optionalText(made['arguments'], `${at}.function.arguments`) ?? '',
        ...(signature === undefined ? {} : { signature }),
      },
    ];
  });
}

/**
 * Gemini's seal on a call, where Google's own OpenAI-compatible API puts it.
 * @see https://ai.google.dev/gemini-api/docs/thought-signatures
 */
export function readThoughtSignature(call: JsonObject): string | undefined {
  const google = readObject(readObject(call['extra_content'])?.['google']);
  return readText(google?.['thought_signature']);
}
