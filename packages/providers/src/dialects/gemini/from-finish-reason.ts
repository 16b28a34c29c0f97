import type { FinishReason } from '@moltbot/contracts';

/** The model's or the server's own fault: what was written is not what was asked for, and can't count as an answer. */
export type FinishOutcome = FinishReason | 'fault';

const OUTCOMES: ReadonlyMap<string, FinishOutcome> = new Map([
  ['STOP', 'stop'],
  ['MAX_TOKENS', 'length'],
  ['SAFETY', 'content-filter'],
  ['RECITATION', 'content-filter'],
  ['BLOCKLIST', 'content-filter'],
  ['PROHIBITED_CONTENT', 'content-filter'],
  ['SPII', 'content-filter'],
  ['IMAGE_SAFETY', 'content-filter'],
  ['IMAGE_PROHIBITED_CONTENT', 'content-filter'],
  ['IMAGE_RECITATION', 'content-filter'],
  ['MODEL_ARMOR', 'content-filter'],
  ['MALFORMED_FUNCTION_CALL', 'fault'],
  ['MALFORMED_RESPONSE', 'fault'],
  ['UNEXPECTED_TOOL_CALL', 'fault'],
  ['TOO_MANY_TOOL_CALLS', 'fault'],
  ['MISSING_THOUGHT_SIGNATURE', 'fault'],
  ['LANGUAGE', 'other'],
  ['OTHER', 'other'],
  ['NO_IMAGE', 'other'],
  ['IMAGE_OTHER', 'other'],
  ['FINISH_REASON_UNSPECIFIED', 'other'],
]);

/** @see https://ai.google.dev/api/generate-content#FinishReason */
export function fromFinishReason(reason: string, hasToolCalls: boolean): FinishOutcome {
  const outcome = OUTCOMES.get(reason) ?? 'other';
  return outcome === 'stop' && hasToolCalls ? 'tool-calls' : outcome;
}
