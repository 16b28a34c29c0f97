import type { JsonObject } from '../../json-object.js';
import { OUR_REASONING } from './own-reasoning.js';

export type ItemStatus = 'in_progress' | 'completed' | 'incomplete';

/** Ids of the items of one answer: their kind, the answer, their place. */
export function itemId(kind: 'msg' | 'fc' | 'rs', answerId: string, index: number): string {
  const of = `${answerId.replace(/^(?:resp_)?(?:req_)?/, '')}_${index}`;
  return kind === 'rs' ? OUR_REASONING + of : `${kind}_${of}`;
}

export function outputText(text: string): JsonObject {
  return { type: 'output_text', text, annotations: [], logprobs: [] };
}

export function refusal(text: string): JsonObject {
  return { type: 'refusal', refusal: text };
}

export function summaryText(text: string): JsonObject {
  return { type: 'summary_text', text };
}

export function messageItem(id: string, status: ItemStatus, content: readonly JsonObject[]): JsonObject {
  return { id, type: 'message', status, role: 'assistant', content };
}

/** `encrypted_content` is null where there is no seal: the caller may send the item back all the same. */
export function reasoningItem(id: string, summary: readonly JsonObject[], encryptedContent?: string): JsonObject {
  return { id, type: 'reasoning', summary, encrypted_content: encryptedContent ?? null };
}

export function callItem(options: {
  readonly id: string;
  readonly status: ItemStatus;
  readonly callId: string;
  readonly name: string;
  readonly text: string;
}): JsonObject {
  const { id, status, callId, name, text } = options;
  return { id, type: 'function_call', status, call_id: callId, name, arguments: text };
}
