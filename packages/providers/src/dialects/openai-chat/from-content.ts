import type { JsonObject } from '../../caller-request.js';
import { readList, readObject } from '../../read-json.js';

/** What a message or a delta says, in text: `''` where it says nothing. */
export interface SaidText {
  readonly text: string;
  readonly reasoning: string;
}

/**
 * Content is a string; Mistral's reasoning models give a list in which thoughts stand apart. Reasoning has a field of its own
 * elsewhere: `reasoning_content` (DeepSeek, llama.cpp, vLLM) or `reasoning` (OpenRouter, Ollama, newer vLLM, some say both).
 */
export function readSaidText(message: JsonObject): SaidText {
  const { content, reasoning_content: reasoningContent, reasoning } = message;
  const thought = textOf(reasoningContent) || textOf(reasoning);
  if (typeof content === 'string') return { text: content, reasoning: thought };
  if (!Array.isArray(content)) return { text: '', reasoning: thought };
  let text = '';
  let thoughts = thought;
  for (const item of content) {
    const part = readObject(item);
    if (part?.['type'] === 'thinking') thoughts += joinTexts(part['thinking']);
    else text += textOf(part?.['text']);
  }
  return { text, reasoning: thoughts };
}

function joinTexts(value: unknown): string {
  if (typeof value === 'string') return value;
  let text = '';
  for (const part of readList(value)) text += textOf(readObject(part)?.['text']);
  return text;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** One call or a piece of one, as far as it is said. */
export interface SaidCall {
  readonly index: number | undefined;
  readonly id: string | undefined;
  readonly name: string | undefined;
  readonly arguments: string;
  readonly call: JsonObject;
}

/** Reads an item of `tool_calls`, of a function or of a custom tool; `undefined` where it is no call. */
export function readCall(value: unknown): SaidCall | undefined {
  const call = readObject(value);
  const said = readObject(call?.['function']) ?? readObject(call?.['custom']);
  if (call === undefined || said === undefined) return undefined;
  const index = call['index'];
  const id = call['id'];
  const name = said['name'];
  return {
    index: typeof index === 'number' && Number.isInteger(index) && index >= 0 ? index : undefined,
    id: typeof id === 'string' && id !== '' ? id : undefined,
    name: typeof name === 'string' && name !== '' ? name : undefined,
    arguments: argumentsOf(said['arguments'] ?? said['input']),
    call,
  };
}

/** JSON text; some servers give the object itself. */
function argumentsOf(value: unknown): string {
  if (typeof value === 'string') return value;
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : '';
}
