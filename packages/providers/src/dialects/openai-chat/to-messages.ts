import type { AssistantMessage, ImagePart, Message, TextPart, ToolCallPart, ToolMessage } from '@moltbot/contracts';
import type { JsonObject } from '../../caller-request.js';

export interface ToMessagesOptions {
  readonly compatible: boolean;
  /** Gets the names of parts that the API can't take. */
  readonly dropped: string[];
}

/** Our messages as `messages`. Images that tools gave follow their run of results in a user message: tools may only say text. */
export function toMessages(messages: readonly Message[], options: ToMessagesOptions): JsonObject[] {
  const result: JsonObject[] = [];
  let images: JsonObject[] = [];
  for (const [index, message] of messages.entries()) {
    if (message.role !== 'tool' && images.length > 0) {
      result.push({ role: 'user', content: images });
      images = [];
    }
    switch (message.role) {
      case 'system':
        result.push({ role: 'system', content: toContent(message.content) });
        break;
      case 'user':
        result.push({ role: 'user', content: toContent(message.content) });
        break;
      case 'assistant':
        result.push(toAssistant(message, index, options));
        break;
      case 'tool':
        result.push(toTool(message, index, images, options));
        break;
    }
  }
  if (images.length > 0) result.push({ role: 'user', content: images });
  return result;
}

/** One text is a string, which every server takes; anything else a list of parts. */
function toContent(parts: readonly (TextPart | ImagePart)[]): string | readonly JsonObject[] {
  const [first] = parts;
  if (first === undefined) return '';
  if (parts.length === 1 && first.type === 'text') return first.text;
  return parts.map((part) => (part.type === 'text' ? toText(part) : toImage(part)));
}

function toText(part: TextPart): JsonObject {
  return { type: 'text', text: part.text };
}

function toImage(part: ImagePart): JsonObject {
  const { source, detail } = part;
  const url = source.type === 'url' ? source.url : `data:${source.mediaType};base64,${source.data}`;
  return { type: 'image_url', image_url: { url, detail } };
}

function toTool(message: ToolMessage, index: number, images: JsonObject[], options: ToMessagesOptions): JsonObject {
  const texts = message.content.filter((part) => part.type === 'text');
  const seen = message.content.filter((part) => part.type === 'image');
  if (message.isError === true) options.dropped.push(`messages.${index}.is_error`);
  if (seen.length > 0) {
    images.push({ type: 'text', text: `Result of the tool call ${message.toolCallId}:` }, ...seen.map(toImage));
  }
  return { role: 'tool', tool_call_id: message.toolCallId, content: toContent(texts) };
}

function toAssistant(message: AssistantMessage, index: number, options: ToMessagesOptions): JsonObject {
  const said: { readonly type: 'text'; readonly text: string }[] = [];
  const calls: JsonObject[] = [];
  let refusal: string | undefined;
  for (const [at, part] of message.content.entries()) {
    switch (part.type) {
      case 'text':
        said.push({ type: 'text', text: part.text });
        break;
      case 'refusal':
        // Only OpenAI has the word; to any other server it is what was said.
        if (options.compatible) said.push({ type: 'text', text: part.text });
        else refusal = (refusal ?? '') + part.text;
        break;
      case 'tool-call':
        calls.push(toToolCall(part));
        break;
      case 'reasoning':
        // Another vendor's thoughts; servers that want their own back get them in bytes that pass as they are.
        options.dropped.push(`messages.${index}.content.${at} (reasoning)`);
        break;
    }
  }
  const [only] = said;
  const content = said.length > 1 ? said : (only?.text ?? (refusal === undefined && calls.length === 0 ? '' : null));
  return {
    role: 'assistant',
    content,
    ...(refusal === undefined ? {} : { refusal }),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  };
}

function toToolCall(part: ToolCallPart): JsonObject {
  return { id: part.id, type: 'function', function: { name: part.name, arguments: part.arguments } };
}
