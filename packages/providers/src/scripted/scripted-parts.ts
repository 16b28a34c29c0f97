import type { FinishReason, Usage } from '@moltbot/contracts';
import type { AnswerEnd, ContentPart } from '../demo/emitter.js';
import { toTokens } from '../demo/tokens.js';
import { SCRIPTED_TEXT, type ScriptedAnswer, type ScriptedToolCall } from './behaviour.js';

/** The content of a scripted answer, event by event: reasoning, its seal, refusal, text, tool calls. */
export function toParts(answer: ScriptedAnswer): readonly ContentPart[] {
  if (answer.parts !== undefined) return answer.parts;
  const calls = answer.toolCalls ?? [];
  const text = answer.text ?? (calls.length > 0 || answer.refusal !== undefined ? [] : SCRIPTED_TEXT);
  return [
    ...pieces(answer.reasoning).map((text) => ({ type: 'reasoning-delta', choice: 0, text }) as const),
    ...(answer.reasoningSignature === undefined
      ? []
      : [{ type: 'reasoning-seal', choice: 0, signature: answer.reasoningSignature } as const]),
    ...pieces(answer.refusal).map((text) => ({ type: 'refusal-delta', choice: 0, text }) as const),
    ...pieces(text).map((text) => ({ type: 'text-delta', choice: 0, text }) as const),
    ...callParts(calls),
  ];
}

/** All calls start, then their arguments come in turns. */
function callParts(calls: readonly ScriptedToolCall[]): readonly ContentPart[] {
  const split = calls.map((call) => (typeof call.arguments === 'string' ? [call.arguments] : call.arguments));
  const longest = Math.max(0, ...split.map((list) => list.length));
  const starts = calls.map(
    (call, index): ContentPart => ({
      type: 'tool-call-start',
      choice: 0,
      index,
      id: call.id ?? `call_${index + 1}`,
      name: call.name,
      ...(call.signature === undefined ? {} : { signature: call.signature }),
    }),
  );
  const deltas = Array.from({ length: longest }, (_, round) =>
    split.flatMap((list, index): ContentPart[] => {
      const piece = list[round];
      return piece === undefined ? [] : [{ type: 'tool-call-delta', choice: 0, index, arguments: piece }];
    }),
  ).flat();
  return [...starts, ...deltas];
}

/** Finish reason and usage of a scripted answer, with `inputTokens` counted from its request. */
export function toEnd(answer: ScriptedAnswer, parts: readonly ContentPart[], inputTokens: number): AnswerEnd {
  const hasCalls = parts.some((part) => part.type === 'tool-call-start');
  const refused = parts.some((part) => part.type === 'refusal-delta');
  const natural: FinishReason = hasCalls ? 'tool-calls' : refused ? 'refusal' : 'stop';
  const usage: Usage | undefined =
    answer.usage === 'none'
      ? undefined
      : { inputTokens, outputTokens: parts.length, ...answer.usage, source: 'provider' };
  return { reason: answer.finishReason ?? natural, nativeReason: answer.nativeFinishReason, usage };
}

function pieces(text: string | readonly string[] | undefined): readonly string[] {
  if (text === undefined) return [];
  return typeof text === 'string' ? toTokens(text) : text;
}
