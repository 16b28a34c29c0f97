import type { ChatAnswer, FinishReason, ToolCallPart, Usage } from '@moltbot/contracts';
import type { JsonObject } from '../../caller-request.js';
import type { AnswerContext } from '../../dialect-door.js';

const FINISH_REASONS: Readonly<Record<FinishReason, string>> = {
  stop: 'stop',
  length: 'length',
  'tool-calls': 'tool_calls',
  'content-filter': 'content_filter',
  // The model refused while it wrote: the dialect has no nearer word, and `stop` would say that the answer is whole.
  refusal: 'content_filter',
  other: 'other',
};

export function toFinishReason(reason: FinishReason): string {
  return FINISH_REASONS[reason];
}

/** A whole answer as a `chat.completion`. Reasoning stands in `reasoning_content`, as compatible servers do it. */
export function toAnswer(answer: ChatAnswer, context: AnswerContext): JsonObject {
  const text = (type: 'text' | 'reasoning' | 'refusal'): string | null => {
    const found = answer.content.filter((part) => part.type === type);
    return found.length === 0 ? null : found.map((part) => ('text' in part ? part.text : '')).join('');
  };
  const calls = answer.content.filter((part) => part.type === 'tool-call');
  const reasoning = text('reasoning');
  return {
    id: context.id,
    object: 'chat.completion',
    created: context.created,
    model: context.model,
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: text('text'),
          ...(reasoning === null || reasoning === '' ? {} : { reasoning_content: reasoning }),
          refusal: text('refusal'),
          ...(calls.length === 0 ? {} : { tool_calls: calls.map(toToolCall) }),
        },
        logprobs: null,
        finish_reason: toFinishReason(answer.finishReason),
      },
    ],
    ...(answer.usage === undefined ? {} : { usage: toUsage(answer.usage) }),
  };
}

function toToolCall(call: ToolCallPart): JsonObject {
  return {
    id: call.id,
    type: 'function',
    function: { name: call.name, arguments: call.arguments },
    ...(call.signature === undefined ? {} : toExtraContent(call.signature)),
  };
}

/** Gemini's seal, where Google's own OpenAI-compatible API puts it. */
export function toExtraContent(signature: string): JsonObject {
  return { extra_content: { google: { thought_signature: signature } } };
}

export function toUsage(usage: Usage): JsonObject {
  return {
    prompt_tokens: usage.inputTokens,
    completion_tokens: usage.outputTokens,
    total_tokens: usage.inputTokens + usage.outputTokens,
    prompt_tokens_details: { cached_tokens: usage.cachedInputTokens ?? 0, cache_write_tokens: usage.cacheWriteTokens },
    completion_tokens_details: { reasoning_tokens: usage.reasoningTokens ?? 0 },
  };
}
