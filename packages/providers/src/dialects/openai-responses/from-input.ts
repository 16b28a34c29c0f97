import type { AssistantMessage, ImagePart, Message, TextPart } from '@moltbot/contracts';
import type { JsonObject } from '../../json-object.js';
import { readList, readObject, readText } from '../../read-json.js';
import { expectList, expectObject, expectText, optionalText, refuse } from '../../request-fields.js';
import { readParts } from '../openai-fields.js';
import { readCarriedSeal } from './own-reasoning.js';
import { sealReasoning } from './sealed-reasoning.js';

const MOST_ITEMS = 10_000;
const DATA_URL = /^data:([^;,]+)(?:;[^;,]+)*;base64,/;

type AssistantPart = AssistantMessage['content'][number];

/**
 * `input` of a caller: what the assistant thought, said and called in a row is one message. What has no word in ours is added to
 * `unknown` as `input.0.content.1 (input_file)`.
 */
export function fromInput(value: unknown, unknown: Set<string>): Message[] {
  if (typeof value === 'string') return [{ role: 'user', content: [{ type: 'text', text: value }] }];
  const items = expectList(value, 'input', MOST_ITEMS);
  if (items.length === 0) throw refuse('input', 'at least one item');
  const reader = new InputReader(unknown);
  for (const [index, item] of items.entries()) {
    const path = `input.${index}`;
    reader.read(expectObject(item, path), path);
  }
  return reader.finish();
}

class InputReader {
  readonly #messages: Message[] = [];
  readonly #unknown: Set<string>;
  #assistant: AssistantPart[] = [];
  /** Gemini’s seal on the call that comes next. */
  #callSignature: string | undefined;

  constructor(unknown: Set<string>) {
    this.#unknown = unknown;
  }

  finish(): Message[] {
    this.#flush();
    return this.#messages;
  }

  read(item: JsonObject, path: string): void {
    const type = optionalText(item['type'], `${path}.type`) ?? 'message';
    switch (type) {
      case 'message':
        this.#readMessage(item, path);
        return;
      case 'reasoning':
        this.#readReasoning(item, path);
        return;
      case 'function_call':
        this.#readCall(item, path);
        return;
      case 'function_call_output': {
        const toolCallId = expectText(item['call_id'], `${path}.call_id`);
        this.#add({ role: 'tool', toolCallId, content: this.#readContent(item['output'], `${path}.output`) });
        return;
      }
      default:
        this.#unknown.add(`${path} (${type})`);
    }
  }

  #readMessage(item: JsonObject, path: string): void {
    const content = item['content'];
    const at = `${path}.content`;
    switch (expectText(item['role'], `${path}.role`)) {
      case 'user':
        this.#add({ role: 'user', content: this.#readContent(content, at) });
        return;
      case 'system':
      case 'developer': {
        const parts = this.#readContent(content, at);
        this.#add({ role: 'system', content: parts.filter((part) => part.type === 'text') });
        for (const [index, part] of parts.entries()) {
          if (part.type === 'image') this.#unknown.add(`${at}.${index} (input_image)`);
        }
        return;
      }
      case 'assistant':
        this.#readAnswer(content, at);
        return;
      default:
        throw refuse(`${path}.role`, '"user", "assistant", "system" or "developer"');
    }
  }

  /** What the assistant said. */
  #readAnswer(content: unknown, path: string): void {
    for (const [part, at] of readParts(content, path, 'input_text')) {
      switch (part['type']) {
        case 'output_text':
        case 'input_text':
          this.#assistant.push({ type: 'text', text: expectText(part['text'], `${at}.text`) });
          break;
        case 'refusal':
          this.#assistant.push({ type: 'refusal', text: expectText(part['refusal'], `${at}.refusal`) });
          break;
        default:
          this.#unknown.add(`${at} (${String(part['type'])})`);
      }
    }
  }

  #readContent(content: unknown, path: string): (TextPart | ImagePart)[] {
    return readParts(content, path, 'input_text').flatMap(([part, at]): (TextPart | ImagePart)[] => {
      switch (part['type']) {
        case 'input_text':
        case 'output_text':
          return [{ type: 'text', text: expectText(part['text'], `${at}.text`) }];
        case 'input_image': {
          const image = fromImage(part, at);
          if (image !== undefined) return [image];
          this.#unknown.add(`${at} (input_image by file_id)`);
          return [];
        }
        default:
          this.#unknown.add(`${at} (${String(part['type'])})`);
          return [];
      }
    });
  }

  #readReasoning(item: JsonObject, path: string): void {
    const id = optionalText(item['id'], `${path}.id`);
    const encrypted = optionalText(item['encrypted_content'], `${path}.encrypted_content`);
    const summary = textsOf(item['summary']);
    const text = (summary.length > 0 ? summary : textsOf(item['content'])).join('\n\n');
    const carried = encrypted === undefined ? undefined : readCarriedSeal(encrypted);
    if (carried?.call === true) {
      this.#callSignature = carried.signature;
      return;
    }
    const native =
      carried === undefined && encrypted !== undefined && encrypted !== '' && id !== undefined
        ? sealReasoning({ id, encryptedContent: encrypted })
        : undefined;
    const redacted = carried?.redacted ?? native;
    const signature = carried?.signature;
    // An item that OpenAI keeps under its id says nothing here.
    if (text === '' && redacted === undefined && signature === undefined) {
      this.#unknown.add(`${path} (reasoning)`);
      return;
    }
    this.#assistant.push({
      type: 'reasoning',
      text,
      ...(signature === undefined ? {} : { signature }),
      ...(redacted === undefined ? {} : { redacted }),
    });
  }

  #readCall(item: JsonObject, path: string): void {
    const signature = this.#callSignature;
    this.#callSignature = undefined;
    this.#assistant.push({
      type: 'tool-call',
      id: expectText(item['call_id'], `${path}.call_id`),
      name: expectText(item['name'], `${path}.name`),
      arguments: expectText(item['arguments'], `${path}.arguments`),
      ...(signature === undefined ? {} : { signature }),
    });
  }

  #add(message: Message): void {
    this.#flush();
    this.#messages.push(message);
  }

  #flush(): void {
    if (this.#assistant.length === 0) return;
    this.#messages.push({ role: 'assistant', content: this.#assistant });
    this.#assistant = [];
  }
}

/** Undefined where the image is a file that only OpenAI has. */
function fromImage(part: JsonObject, path: string): ImagePart | undefined {
  const url = optionalText(part['image_url'], `${path}.image_url`);
  if (url === undefined) {
    if (readText(part['file_id']) !== undefined) return undefined;
    throw refuse(`${path}.image_url`, 'a string');
  }
  const data = DATA_URL.exec(url);
  const source: ImagePart['source'] =
    data === null
      ? { type: 'url', url }
      : { type: 'base64', mediaType: data[1] ?? '', data: url.slice(data[0].length) };
  const { detail } = part;
  if (detail !== 'low' && detail !== 'high' && detail !== 'auto') return { type: 'image', source };
  return { type: 'image', source, detail };
}

function textsOf(value: unknown): string[] {
  return readList(value).flatMap((item) => readText(readObject(item)?.['text']) ?? []);
}
