import type { AssistantMessage, ChatAnswer } from '@moltbot/contracts';
import type { JsonObject } from '../../caller-request.js';
import type { AnswerContext } from '../../dialect-door.js';
import { toStopReason } from './map-stop-reason.js';
import { toUsage } from './map-usage.js';
import { toToolInput } from './to-messages.js';
import { UNSIGNED } from './unsigned-thinking.js';

/** An answer as Anthropic's message object. Encrypted reasoning is another vendor's and is left out. */
export function toAnswer(answer: ChatAnswer, context: AnswerContext): JsonObject {
  const content = answer.content.flatMap(toBlock);
  const hasToolCalls = content.some((block) => block['type'] === 'tool_use');
  const refused = answer.content.some((part) => part.type === 'refusal');
  const stopReason = toStopReason(refused ? 'refusal' : answer.finishReason, hasToolCalls);
  const usage = answer.usage ?? {
    inputTokens: context.estimatedInputTokens,
    outputTokens: 0,
    source: 'estimated' as const,
  };
  return {
    ...messageHead(context),
    content,
    stop_reason: stopReason,
    stop_sequence: null,
    stop_details: toStopDetails(stopReason),
    usage: { ...toUsage(usage), ...USAGE_REST },
  };
}

/** What every message object holds, whole or at the start of a stream. */
export function messageHead(context: AnswerContext): JsonObject {
  return {
    id: context.id,
    type: 'message',
    role: 'assistant',
    model: context.model,
    container: null,
    diagnostics: null,
  };
}

/** Members of `usage` that a translated answer has nothing to say of. */
export const USAGE_REST: JsonObject = { cache_creation: null, inference_geo: null, service_tier: null, speed: null };

export function toStopDetails(stopReason: string): JsonObject | null {
  return stopReason === 'refusal' ? { type: 'refusal', category: null, explanation: null } : null;
}

function toBlock(part: AssistantMessage['content'][number]): JsonObject[] {
  switch (part.type) {
    case 'reasoning':
      return part.text === '' ? [] : [{ type: 'thinking', thinking: part.text, signature: UNSIGNED }];
    case 'tool-call':
      return [
        {
          type: 'tool_use',
          id: part.id,
          caller: { type: 'direct' },
          name: part.name,
          input: toToolInput(part.arguments),
        },
      ];
    default:
      return part.text === '' ? [] : [{ type: 'text', text: part.text, citations: null }];
  }
}
