import type { FinishReason } from '@moltbot/contracts';

const REASONS: ReadonlyMap<string, FinishReason> = new Map([
  ['stop', 'stop'],
  ['length', 'length'],
  ['tool_calls', 'tool-calls'],
  ['function_call', 'tool-calls'],
  ['content_filter', 'content-filter'],
  // Of compatible servers.
  ['end_turn', 'stop'],
  ['eos', 'stop'],
  ['eos_token', 'stop'],
  ['stop_sequence', 'stop'],
  ['max_tokens', 'length'],
  ['model_length', 'length'],
  ['tool_use', 'tool-calls'],
  ['safety', 'content-filter'],
  ['refusal', 'refusal'],
]);

/** Words that say the answer broke off inside the provider (OpenRouter, DeepSeek): no finish at all. */
const BROKEN = new Set(['error', 'insufficient_system_resource', 'abort']);

export function fromFinishReason(reason: string): FinishReason {
  return REASONS.get(reason) ?? 'other';
}

export function isBrokenOff(reason: string): boolean {
  return BROKEN.has(reason);
}
