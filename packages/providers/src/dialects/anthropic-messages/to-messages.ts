import type { AssistantMessage, ImagePart, Message, TextPart } from '@moltbot/contracts';
import type { JsonObject } from '../../caller-request.js';
import { nestsWithin, readObject } from '../../read-json.js';
import { isOpenAiSeal } from '../openai-responses/sealed-reasoning.js';
import { parseExact } from './exact-json.js';
import { toImage } from './to-image.js';
import { DEEPEST_JSON } from './to-schema.js';
import { createToolIds } from './tool-ids.js';

export interface AnthropicConversation {
  readonly system: readonly JsonObject[];
  readonly messages: readonly { readonly role: string; readonly content: readonly JsonObject[] }[];
  /** Names of the tools that the conversation holds calls of. */
  readonly calledTools: ReadonlySet<string>;
}

type Block = Record<string, unknown>;

interface Turn {
  readonly role: 'user' | 'assistant';
  content: Block[];
}

/** What the user says where the API demands a word and nobody spoke one: before an assistant's opening, or in an empty talk. */
const SILENCE = '.';

/**
 * The conversation as alternating turns: system messages apart, tool results first in the user's turn, neighbours of one role
 * joined, blank texts left out, a user's turn first, no blanks at the end of an assistant's last turn.
 * Parts that the API can't take are added to `dropped` as `messages.2.content.1 (image)`.
 */
export function toMessages(messages: readonly Message[], dropped: string[]): AnthropicConversation {
  return new Conversation(dropped).build(messages);
}

class Conversation {
  readonly #dropped: string[];
  readonly #toolId = createToolIds();
  readonly #system: Block[] = [];
  readonly #turns: Turn[] = [];
  readonly #calledTools = new Set<string>();

  constructor(dropped: string[]) {
    this.#dropped = dropped;
  }

  build(messages: readonly Message[]): AnthropicConversation {
    for (const [index, message] of messages.entries()) this.#add(message, `messages.${index}.content`);
    for (const turn of this.#turns) {
      if (turn.role === 'user') turn.content = resultsFirst(turn.content);
    }
    this.#trimEnd();
    const turns = this.#turns;
    if (turns[0]?.role !== 'user') turns.unshift({ role: 'user', content: [{ type: 'text', text: SILENCE }] });
    return { system: this.#system, messages: turns, calledTools: this.#calledTools };
  }

  #add(message: Message, path: string): void {
    switch (message.role) {
      case 'system':
        addTexts(this.#system, message.content);
        return;
      case 'user':
        this.#say('user', this.#toBlocks(message.content, path));
        return;
      case 'tool': {
        const content = this.#toBlocks(message.content, path);
        const result = {
          type: 'tool_result',
          tool_use_id: this.#toolId(message.toolCallId),
          ...(content.length > 0 ? { content } : {}),
          ...(message.isError === true ? { is_error: true } : {}),
        };
        this.#say('user', [result]);
        return;
      }
      case 'assistant':
        for (const [index, part] of message.content.entries()) {
          this.#say('assistant', this.#toAnswerBlocks(part, `${path}.${index}`));
        }
    }
  }

  #toBlocks(parts: readonly (TextPart | ImagePart)[], path: string): Block[] {
    const into: Block[] = [];
    for (const [index, part] of parts.entries()) {
      if (part.type === 'text') {
        addText(into, part.text);
        continue;
      }
      const image = toImage(part.source);
      if (image === undefined) this.#dropped.push(`${path}.${index} (image)`);
      else into.push(image);
      if (image !== undefined && (part.detail === 'low' || part.detail === 'high')) {
        this.#dropped.push(`${path}.${index}.detail`);
      }
    }
    return into;
  }

  #toAnswerBlocks(part: AssistantMessage['content'][number], path: string): Block[] {
    switch (part.type) {
      case 'reasoning':
        if (part.redacted !== undefined && !isOpenAiSeal(part.redacted)) {
          return [{ type: 'redacted_thinking', data: part.redacted }];
        }
        if (part.signature !== undefined) {
          return [{ type: 'thinking', thinking: part.text, signature: part.signature }];
        }
        this.#dropped.push(`${path} (reasoning)`);
        return [];
      case 'tool-call':
        this.#calledTools.add(part.name);
        return [{ type: 'tool_use', id: this.#toolId(part.id), name: part.name, input: toToolInput(part.arguments) }];
      default: {
        const texts: Block[] = [];
        addText(texts, part.text);
        return texts;
      }
    }
  }

  /** In the running turn of this role, or a new one; a turn is never empty. */
  #say(role: Turn['role'], blocks: readonly Block[]): void {
    if (blocks.length === 0) return;
    const last = this.#turns.at(-1);
    if (last?.role === role) {
      for (const block of blocks) last.content.push(block);
    } else this.#turns.push({ role, content: [...blocks] });
  }

  #trimEnd(): void {
    const last = this.#turns.at(-1);
    const block = last?.content.at(-1);
    if (last?.role !== 'assistant' || block?.['type'] !== 'text') return;
    block['text'] = String(block['text']).trimEnd();
  }
}

function addTexts(into: Block[], parts: readonly TextPart[]): void {
  for (const part of parts) addText(into, part.text);
}

/** The API refuses a text block without a visible character. */
function addText(into: Block[], text: string): void {
  if (/\S/.test(text)) into.push({ type: 'text', text });
}

/** The API wants the results of tools before anything else that the user says. */
function resultsFirst(content: Block[]): Block[] {
  const results = content.filter((block) => block['type'] === 'tool_result');
  if (results.length === 0 || results.length === content.length) return content;
  return [...results, ...content.filter((block) => block['type'] !== 'tool_result')];
}

/** The arguments as an object; what the model wrote as something else is kept as text in one. */
export function toToolInput(text: string): JsonObject {
  if (!/\S/.test(text)) return {};
  try {
    const input = readObject(parseExact(text));
    if (input !== undefined && nestsWithin(input, DEEPEST_JSON)) return input;
  } catch {
    // No JSON: said below.
  }
  return { invalid_arguments: text };
}
