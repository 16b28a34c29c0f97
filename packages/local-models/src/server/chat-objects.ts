import { ERRORS, type MoltbotError } from '@moltbot/contracts';
import type { ChatResult } from '../engine/start-engine.js';

/** One answer, in the words of OpenAI's chat completions. */
export interface AnswerNames {
  readonly id: string;
  /** Unix seconds. */
  readonly created: number;
  readonly model: string;
}

type Delta =
  | { readonly role: 'assistant' }
  | { readonly content: string }
  | { readonly reasoning_content: string }
  | object;

export function chunkEvent({ id, created, model }: AnswerNames, delta: Delta, finish: string | null = null): string {
  const choices = [{ index: 0, delta, finish_reason: finish }];
  return event({ id, object: 'chat.completion.chunk', created, model, choices });
}

export function usageEvent({ id, created, model }: AnswerNames, result: ChatResult): string {
  return event({ id, object: 'chat.completion.chunk', created, model, choices: [], usage: usageOf(result) });
}

export function event(value: object): string {
  return `data: ${JSON.stringify(value)}\n\n`;
}

export function wholeAnswer(
  { id, created, model }: AnswerNames,
  { text, reasoning, result }: { readonly text: string; readonly reasoning: string; readonly result: ChatResult },
): object {
  const message = { role: 'assistant', content: text, ...(reasoning === '' ? {} : { reasoning_content: reasoning }) };
  return {
    id,
    object: 'chat.completion',
    created,
    model,
    choices: [{ index: 0, message, finish_reason: result.end }],
    usage: usageOf(result),
  };
}

export function errorBody({ code, message, param }: MoltbotError): object {
  const type = ERRORS[code].http < 500 ? 'invalid_request_error' : 'server_error';
  return { error: { message, type, param: param ?? null, code } };
}

function usageOf({ inputTokens, outputTokens }: ChatResult): object {
  return {
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
  };
}
