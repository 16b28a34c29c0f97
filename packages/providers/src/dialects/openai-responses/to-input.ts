import { createHash } from 'node:crypto';
import type { AssistantMessage, ImagePart, Message, TextPart, ToolMessage } from '@moltbot/contracts';
import { unsealReasoning } from './sealed-reasoning.js';

export type InputItem = Readonly<Record<string, unknown>>;

export interface ResponsesInput {
  /** The system messages before anything else. */
  readonly instructions: string | undefined;
  readonly input: readonly InputItem[];
  /** `messages.2.content.1 (reasoning)` */
  readonly dropped: readonly string[];
}

const MAX_CALL_ID = 64;
/** Where nobody spoke a word: the API demands an item. */
const SILENCE = '.';

/**
 * Our messages as input items, in their order. Results of calls that are not in the conversation are refused by the API: they
 * become text.
 */
export function toInput(messages: readonly Message[]): ResponsesInput {
  const builder = new InputBuilder();
  for (const [index, message] of messages.entries()) builder.add(message, `messages.${index}`);
  return builder.build();
}

class InputBuilder {
  readonly #instructions: string[] = [];
  readonly #input: InputItem[] = [];
  readonly #dropped: string[] = [];
  readonly #calls = new Set<string>();

  build(): ResponsesInput {
    const instructions = this.#instructions.join('\n\n');
    if (this.#input.length === 0) {
      const text = instructions === '' ? SILENCE : instructions;
      return { instructions: undefined, input: [toMessage('user', [inputText(text)])], dropped: this.#dropped };
    }
    return { instructions: instructions === '' ? undefined : instructions, input: this.#input, dropped: this.#dropped };
  }

  add(message: Message, path: string): void {
    switch (message.role) {
      case 'system':
        this.#addSystem(message.content);
        return;
      case 'user':
        this.#addMessage('user', toParts(message.content));
        return;
      case 'assistant':
        this.#addAssistant(message.content, path);
        return;
      case 'tool':
        this.#addResult(message, path);
    }
  }

  #addSystem(content: readonly TextPart[]): void {
    const text = content.map((part) => part.text).join('');
    if (text === '') return;
    if (this.#input.length === 0) this.#instructions.push(text);
    else this.#input.push(toMessage('developer', [inputText(text)]));
  }

  #addMessage(role: 'user' | 'assistant', content: readonly InputItem[]): void {
    if (content.length > 0) this.#input.push(toMessage(role, content));
  }

  #addAssistant(content: AssistantMessage['content'], path: string): void {
    let words: InputItem[] = [];
    const flush = (): void => {
      this.#addMessage('assistant', words);
      words = [];
    };
    for (const [index, part] of content.entries()) {
      switch (part.type) {
        case 'text':
          if (part.text !== '') words.push({ type: 'output_text', text: part.text });
          break;
        case 'refusal':
          if (part.text !== '') words.push({ type: 'refusal', refusal: part.text });
          break;
        case 'reasoning': {
          flush();
          // A reasoning item without what it led to is refused.
          const seal = index < content.length - 1 ? unsealReasoning(part.redacted ?? '') : undefined;
          if (seal === undefined) {
            this.#dropped.push(`${path}.content.${index} (reasoning)`);
            break;
          }
          const summary = part.text === '' ? [] : [{ type: 'summary_text', text: part.text }];
          this.#input.push({ type: 'reasoning', id: seal.id, summary, encrypted_content: seal.encryptedContent });
          break;
        }
        case 'tool-call': {
          flush();
          this.#calls.add(part.id);
          const { name, arguments: text } = part;
          this.#input.push({ type: 'function_call', call_id: toCallId(part.id), name, arguments: text });
          break;
        }
      }
    }
    flush();
  }

  #addResult(message: ToolMessage, path: string): void {
    if (message.isError === true) this.#dropped.push(`${path}.is_error`);
    const parts = toParts(message.content);
    if (!this.#calls.has(message.toolCallId)) {
      this.#addMessage('user', [inputText(`Result of the tool call ${message.toolCallId}:`), ...parts]);
      return;
    }
    const onlyText = message.content.every((part) => part.type === 'text');
    const output = onlyText ? message.content.map((part) => part.text).join('') : parts;
    this.#input.push({ type: 'function_call_output', call_id: toCallId(message.toolCallId), output });
  }
}

function toMessage(role: 'user' | 'assistant' | 'developer', content: readonly InputItem[]): InputItem {
  return { type: 'message', role, content };
}

function inputText(text: string): InputItem {
  return { type: 'input_text', text };
}

function toParts(content: readonly (TextPart | ImagePart)[]): readonly InputItem[] {
  return content.flatMap((part) => {
    if (part.type === 'image') return [toImage(part)];
    return part.text === '' ? [] : [inputText(part.text)];
  });
}

function toImage({ source, detail = 'auto' }: ImagePart): InputItem {
  const url = source.type === 'url' ? source.url : `data:${source.mediaType};base64,${source.data}`;
  return { type: 'input_image', image_url: url, detail };
}

/** Ids of other vendors may be longer than the API takes. */
function toCallId(id: string): string {
  return id.length <= MAX_CALL_ID ? id : `call_${createHash('sha256').update(id).digest('hex').slice(0, 40)}`;
}
