import type { FinishReason, StreamPart } from '@moltbot/contracts';
import type { JsonObject } from '../../caller-request.js';
import { readCount, readList, readObject, readText } from '../../read-json.js';
import { sealReasoning } from './sealed-reasoning.js';

const CALL_TYPES = new Set(['function_call', 'custom_tool_call']);
const INCOMPLETE: ReadonlyMap<string, FinishReason> = new Map([
  ['max_output_tokens', 'length'],
  ['content_filter', 'content-filter'],
]);

/** What has been said of one output item. */
interface ItemState {
  call: number | undefined;
  said: boolean;
  done: boolean;
}

/** Reads output items, in pieces or whole, as parts. Whatever a server leaves out of the pieces is taken from the whole item. */
export class OutputReader {
  readonly #items = new Map<number, ItemState>();
  #calls = 0;
  #hasText = false;
  #hasRefusal = false;

  text(index: number, delta: unknown, parts: StreamPart[]): void {
    const text = readText(delta);
    if (text === undefined) return;
    this.#item(index).said = true;
    this.#hasText = true;
    parts.push({ type: 'text-delta', choice: 0, text });
  }

  refusal(index: number, delta: unknown, parts: StreamPart[]): void {
    const text = readText(delta);
    if (text === undefined) return;
    this.#item(index).said = true;
    this.#hasRefusal = true;
    parts.push({ type: 'refusal-delta', choice: 0, text });
  }

  reasoning(index: number, delta: unknown, parts: StreamPart[]): void {
    const text = readText(delta);
    if (text === undefined) return;
    this.#item(index).said = true;
    parts.push({ type: 'reasoning-delta', choice: 0, text });
  }

  /** A further paragraph of a summary. */
  paragraph(index: number, parts: StreamPart[]): void {
    if (this.#items.get(index)?.said === true) parts.push({ type: 'reasoning-delta', choice: 0, text: '\n\n' });
  }

  callArguments(index: number, delta: unknown, parts: StreamPart[]): void {
    const item = this.#items.get(index);
    const text = readText(delta);
    if (text === undefined || item?.call === undefined) return;
    item.said = true;
    parts.push({ type: 'tool-call-delta', choice: 0, index: item.call, arguments: text });
  }

  /** `response.output_item.added` */
  added(index: number, value: unknown, parts: StreamPart[]): void {
    const item = readObject(value);
    if (item !== undefined && CALL_TYPES.has(String(item['type']))) this.#startCall(index, item, parts);
  }

  /** `response.output_item.done`, or an item of a whole response. */
  done(index: number, value: unknown, parts: StreamPart[]): void {
    const item = readObject(value);
    const state = this.#item(index);
    if (item === undefined || state.done) return;
    state.done = true;
    switch (item['type']) {
      case 'message':
        if (!state.said) this.#wholeMessage(index, item, parts);
        return;
      case 'reasoning':
        if (!state.said) this.#wholeReasoning(index, item, parts);
        pushSeal(item, parts);
        return;
      case 'function_call':
      case 'custom_tool_call':
        this.#startCall(index, item, parts);
        if (!state.said) this.callArguments(index, item['arguments'] ?? item['input'], parts);
    }
  }

  finishReason(response: JsonObject): FinishReason {
    if (response['status'] === 'incomplete') {
      const reason = readText(readObject(response['incomplete_details'])?.['reason']);
      return INCOMPLETE.get(reason ?? '') ?? 'other';
    }
    if (this.#calls > 0) return 'tool-calls';
    return this.#hasRefusal && !this.#hasText ? 'refusal' : 'stop';
  }

  #item(index: number): ItemState {
    let state = this.#items.get(index);
    if (state === undefined) {
      state = { call: undefined, said: false, done: false };
      this.#items.set(index, state);
    }
    return state;
  }

  #startCall(index: number, item: JsonObject, parts: StreamPart[]): void {
    const state = this.#item(index);
    const id = readText(item['call_id']);
    const name = readText(item['name']);
    if (state.call !== undefined || id === undefined || name === undefined) return;
    state.call = this.#calls;
    this.#calls += 1;
    parts.push({ type: 'tool-call-start', choice: 0, index: state.call, id, name });
  }

  #wholeMessage(index: number, item: JsonObject, parts: StreamPart[]): void {
    for (const value of readList(item['content'])) {
      const content = readObject(value);
      if (content?.['type'] === 'refusal') this.refusal(index, content['refusal'], parts);
      else this.text(index, content?.['text'], parts);
    }
  }

  #wholeReasoning(index: number, item: JsonObject, parts: StreamPart[]): void {
    const summary = readList(item['summary']);
    for (const value of summary.length > 0 ? summary : readList(item['content'])) {
      this.paragraph(index, parts);
      this.reasoning(index, readObject(value)?.['text'], parts);
    }
  }
}

function pushSeal(item: JsonObject, parts: StreamPart[]): void {
  const id = readText(item['id']);
  const encryptedContent = readText(item['encrypted_content']);
  if (id === undefined || encryptedContent === undefined) return;
  parts.push({ type: 'reasoning-seal', choice: 0, redacted: sealReasoning({ id, encryptedContent }) });
}

/** Where an event belongs; 0 where a server says nothing. */
export function outputIndex(event: JsonObject): number {
  return readCount(event['output_index']) ?? 0;
}
