import type {
  AssistantMessage,
  ImagePart,
  Message,
  ReasoningPart,
  TextPart,
  ToolCallPart,
  ToolMessage,
} from '@moltbot/contracts';
import type { JsonObject } from '../../caller-request.js';
import { nestsWithin } from '../../read-json.js';
import { expectList, expectObject, expectText, optionalBoolean, refuse } from '../../request-fields.js';
import { DEEPEST_JSON } from './to-schema.js';
import { UNSIGNED } from './unsigned-thinking.js';

/** The API's own limit. */
const MOST_MESSAGES = 100_000;
const MOST_BLOCKS = 100_000;

type UserPart = TextPart | ImagePart;
type AnswerPart = AssistantMessage['content'][number];

/**
 * `messages` of a caller. Blocks that have no word in ours are added to `unknown` as `messages.0.content.1 (document)`;
 * a cache breakpoint is added once as `cache_control`.
 */
export function fromMessages(value: unknown, unknown: Set<string>): Message[] {
  const messages = expectList(value, 'messages', MOST_MESSAGES);
  if (messages.length === 0) throw refuse('messages', 'at least one message');
  return messages.flatMap((message, index) => {
    const path = `messages.${index}`;
    const { role, content } = expectObject(message, path);
    switch (role) {
      case 'user':
        return fromUser(content, `${path}.content`, unknown);
      case 'assistant':
        return [{ role, content: fromAssistant(content, `${path}.content`, unknown) }];
      case 'system':
        return [{ role, content: fromTexts(content, `${path}.content`, unknown) }];
      default:
        throw refuse(`${path}.role`, '`user`, `assistant` or `system`');
    }
  });
}

/** A string, or a list of text blocks: system prompts. */
export function fromTexts(content: unknown, path: string, unknown: Set<string>): TextPart[] {
  return readBlocks(content, path, unknown).flatMap(([block, at]) => {
    if (block['type'] === 'text') return [fromText(block, at)];
    unknown.add(`${at} (${String(block['type'])})`);
    return [];
  });
}

/** Tool results become messages of their own; what else the user says follows them. */
function fromUser(content: unknown, path: string, unknown: Set<string>): Message[] {
  const results: ToolMessage[] = [];
  const parts: UserPart[] = [];
  let said = false;
  for (const [block, at] of readBlocks(content, path, unknown)) {
    if (block['type'] === 'tool_result') results.push(fromToolResult(block, at, unknown));
    else {
      said = true;
      parts.push(...fromUserBlock(block, at, unknown));
    }
  }
  return said || results.length === 0 ? [...results, { role: 'user', content: parts }] : results;
}

function fromUserBlock(block: JsonObject, path: string, unknown: Set<string>): UserPart[] {
  switch (block['type']) {
    case 'text':
      return [fromText(block, path)];
    case 'image':
      return fromImage(block, path, unknown);
    case 'document':
      return fromDocument(block, path, unknown);
    case 'search_result':
      return fromTexts(block['content'], `${path}.content`, unknown);
    default:
      unknown.add(`${path} (${String(block['type'])})`);
      return [];
  }
}

function fromToolResult(block: JsonObject, path: string, unknown: Set<string>): ToolMessage {
  const toolCallId = expectText(block['tool_use_id'], `${path}.tool_use_id`);
  const isError = optionalBoolean(block['is_error'], `${path}.is_error`);
  const given = block['content'];
  const content =
    given === undefined || given === null
      ? []
      : readBlocks(given, `${path}.content`, unknown).flatMap(([inner, at]) => fromUserBlock(inner, at, unknown));
  return { role: 'tool', toolCallId, content, ...(isError === true ? { isError } : {}) };
}

function fromAssistant(content: unknown, path: string, unknown: Set<string>): AnswerPart[] {
  return readBlocks(content, path, unknown).flatMap(([block, at]): AnswerPart[] => {
    switch (block['type']) {
      case 'text':
        return [fromText(block, at)];
      case 'thinking':
        return [fromThinking(block, at)];
      case 'redacted_thinking':
        return [{ type: 'reasoning', text: '', redacted: expectText(block['data'], `${at}.data`) }];
      case 'tool_use':
        return [fromToolUse(block, at)];
      default:
        unknown.add(`${at} (${String(block['type'])})`);
        return [];
    }
  });
}

function fromThinking(block: JsonObject, path: string): ReasoningPart {
  const text = expectText(block['thinking'], `${path}.thinking`);
  const signature = expectText(block['signature'], `${path}.signature`);
  return { type: 'reasoning', text, ...(signature === '' || signature === UNSIGNED ? {} : { signature }) };
}

function fromToolUse(block: JsonObject, path: string): ToolCallPart {
  const id = expectText(block['id'], `${path}.id`);
  const name = expectText(block['name'], `${path}.name`);
  const input = expectObject(block['input'], `${path}.input`);
  if (!nestsWithin(input, DEEPEST_JSON)) throw refuse(`${path}.input`, `at most ${DEEPEST_JSON} levels`);
  return { type: 'tool-call', id, name, arguments: JSON.stringify(input) };
}

function fromText(block: JsonObject, path: string): TextPart {
  return { type: 'text', text: expectText(block['text'], `${path}.text`) };
}

function fromImage(block: JsonObject, path: string, unknown: Set<string>): UserPart[] {
  const source = expectObject(block['source'], `${path}.source`);
  const at = `${path}.source`;
  switch (source['type']) {
    case 'base64': {
      const mediaType = expectText(source['media_type'], `${at}.media_type`);
      return [{ type: 'image', source: { type: 'base64', mediaType, data: expectText(source['data'], `${at}.data`) } }];
    }
    case 'url':
      return [{ type: 'image', source: { type: 'url', url: expectText(source['url'], `${at}.url`) } }];
    default:
      unknown.add(`${path} (image)`);
      return [];
  }
}

/** A document of plain text or of blocks is what it says; a PDF has no word in ours. */
function fromDocument(block: JsonObject, path: string, unknown: Set<string>): UserPart[] {
  const source = expectObject(block['source'], `${path}.source`);
  if (source['type'] === 'text') {
    return [{ type: 'text', text: expectText(source['data'], `${path}.source.data`) }];
  }
  if (source['type'] === 'content') {
    return readBlocks(source['content'], `${path}.source.content`, unknown).flatMap(([inner, at]) =>
      inner['type'] === 'document' ? [] : fromUserBlock(inner, at, unknown),
    );
  }
  unknown.add(`${path} (document)`);
  return [];
}

/** The blocks of a content, each with its path; a string is one text block. */
function readBlocks(content: unknown, path: string, unknown: Set<string>): (readonly [JsonObject, string])[] {
  if (typeof content === 'string') return [[{ type: 'text', text: content }, path]];
  if (!Array.isArray(content)) throw refuse(path, 'a string or a list of content blocks');
  return expectList(content, path, MOST_BLOCKS).map((item, index) => {
    const at = `${path}.${index}`;
    const block = expectObject(item, at);
    expectText(block['type'], `${at}.type`);
    if (block['cache_control'] !== undefined && block['cache_control'] !== null) unknown.add('cache_control');
    return [block, at];
  });
}
