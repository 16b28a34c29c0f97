import type { FinishReason, Usage } from '@moltbot/contracts';
import type { JsonObject } from '../caller-request.js';
import type {
  AnswerEnd,
  ContentPart,
  DialectEmitter,
  EmitContext,
  EmittedError,
  EventWriter,
  Turn,
} from './emitter.js';
import { brokenJson, COMMENT_KEEP_ALIVE, eventText } from './event-text.js';

const FINISH_REASONS: Record<FinishReason, string> = {
  stop: 'stop',
  length: 'length',
  'tool-calls': 'tool_calls',
  'content-filter': 'content_filter',
  refusal: 'stop',
  other: 'other',
};

/** Status → type and code of OpenAI's error object. */
const ERRORS: Readonly<Record<number, readonly [type: string, code: string | null]>> = {
  401: ['invalid_request_error', 'invalid_api_key'],
  402: ['insufficient_quota', 'insufficient_quota'],
  403: ['invalid_request_error', 'permission_denied'],
  404: ['invalid_request_error', 'model_not_found'],
  429: ['requests', 'rate_limit_exceeded'],
};

/** OpenAI chat completions as the provider speaks it, streamed and whole. */
export const openAiChatEmitter: DialectEmitter = {
  dialect: 'openai-chat',
  keepAlive: COMMENT_KEEP_ALIVE,
  createEventWriter,
  answer,
  error: errorBody,
  turns,
};

function createEventWriter(context: EmitContext): EventWriter {
  const choices = new Set([0]);
  const chunk = (choice: number, delta: JsonObject, finishReason: string | null = null): JsonObject => ({
    id: context.id,
    object: 'chat.completion.chunk',
    created: context.created,
    model: context.model,
    ...context.extra,
    choices: [{ index: choice, delta, logprobs: null, finish_reason: finishReason }],
    ...(context.includeUsage ? { usage: null } : {}),
  });
  const say = (value: JsonObject) => eventText(JSON.stringify(value));
  return {
    start: () => say(chunk(0, { role: 'assistant', content: '' })),
    content: (part) => {
      choices.add(part.choice);
      return part.type === 'reasoning-seal' ? '' : say(chunk(part.choice, toDelta(part)));
    },
    finish: (end) => {
      const reason = end.nativeReason ?? FINISH_REASONS[end.reason];
      const finished = [...choices].map((choice) => say(chunk(choice, {}, reason))).join('');
      if (!context.includeUsage || end.usage === undefined) return finished;
      return finished + say({ ...chunk(0, {}), choices: [], usage: toUsage(end.usage) });
    },
    end: () => eventText('[DONE]'),
    malformed: () => eventText(brokenJson(chunk(0, { content: ' broken' }))),
    error: (error) => say(errorBody(error)),
  };
}

function toDelta(part: Exclude<ContentPart, { readonly type: 'reasoning-seal' }>): JsonObject {
  switch (part.type) {
    case 'text-delta':
      return { content: part.text };
    case 'reasoning-delta':
      return { reasoning_content: part.text };
    case 'refusal-delta':
      return { refusal: part.text };
    case 'tool-call-start':
      return {
        tool_calls: [
          { index: part.index, id: part.id, type: 'function', function: { name: part.name, arguments: '' } },
        ],
      };
    case 'tool-call-delta':
      return { tool_calls: [{ index: part.index, function: { arguments: part.arguments } }] };
  }
}

function answer(context: EmitContext, parts: readonly ContentPart[], end: AnswerEnd): JsonObject {
  const indexes = [...new Set([0, ...parts.map((part) => part.choice)])];
  return {
    id: context.id,
    object: 'chat.completion',
    created: context.created,
    model: context.model,
    ...context.extra,
    choices: indexes.map((index) => ({
      index,
      message: toMessage(parts.filter((part) => part.choice === index)),
      logprobs: null,
      finish_reason: end.nativeReason ?? FINISH_REASONS[end.reason],
    })),
    ...(end.usage === undefined ? {} : { usage: toUsage(end.usage) }),
  };
}

function toMessage(parts: readonly ContentPart[]): JsonObject {
  let content: string | null = null;
  let refusal: string | null = null;
  let reasoning: string | undefined;
  const calls: { id: string; type: 'function'; function: { name: string; arguments: string } }[] = [];
  for (const part of parts) {
    if (part.type === 'text-delta') content = (content ?? '') + part.text;
    else if (part.type === 'refusal-delta') refusal = (refusal ?? '') + part.text;
    else if (part.type === 'reasoning-delta') reasoning = (reasoning ?? '') + part.text;
    else if (part.type === 'tool-call-start') {
      calls[part.index] = { id: part.id, type: 'function', function: { name: part.name, arguments: '' } };
    } else if (part.type === 'tool-call-delta') {
      const call = calls[part.index];
      if (call !== undefined) call.function.arguments += part.arguments;
    }
  }
  return {
    role: 'assistant',
    content,
    refusal,
    ...(reasoning === undefined ? {} : { reasoning_content: reasoning }),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  };
}

function toUsage(usage: Usage): JsonObject {
  return {
    prompt_tokens: usage.inputTokens,
    completion_tokens: usage.outputTokens,
    total_tokens: usage.inputTokens + usage.outputTokens,
    prompt_tokens_details: { cached_tokens: usage.cachedInputTokens ?? 0 },
    completion_tokens_details: { reasoning_tokens: usage.reasoningTokens ?? 0 },
  };
}

function errorBody(error: EmittedError): JsonObject {
  const [type, code] = ERRORS[error.status] ?? [error.status >= 500 ? 'server_error' : 'invalid_request_error', null];
  return {
    error: {
      message: error.message,
      type: error.type ?? type,
      param: error.param ?? null,
      code: error.code ?? code,
    },
  };
}

function turns(body: JsonObject): readonly Turn[] {
  const messages: readonly unknown[] = Array.isArray(body['messages']) ? body['messages'] : [];
  return messages.flatMap((message): Turn[] => {
    if (typeof message !== 'object' || message === null) return [];
    const { role, content } = message as JsonObject;
    const text = contentText(content);
    if (role === 'user' || role === 'assistant' || role === 'tool') return [{ role, text }];
    return role === 'system' || role === 'developer' ? [{ role: 'system', text }] : [];
  });
}

/** The text of a content field: a string, or a list of parts of which those with `text` count. */
export function contentText(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content
    .map((part: unknown) => {
      const text = typeof part === 'object' && part !== null ? (part as JsonObject)['text'] : undefined;
      return typeof text === 'string' ? text : '';
    })
    .join('');
}
