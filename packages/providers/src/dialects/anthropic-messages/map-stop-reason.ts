import type { FinishReason } from '@moltbot/contracts';

const FINISH_REASONS: Readonly<Record<string, FinishReason>> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  tool_use: 'tool-calls',
  refusal: 'refusal',
  pause_turn: 'other',
};

const STOP_REASONS: Readonly<Record<FinishReason, string>> = {
  stop: 'end_turn',
  length: 'max_tokens',
  'tool-calls': 'tool_use',
  'content-filter': 'refusal',
  refusal: 'refusal',
  other: 'end_turn',
};

/** Anthropic's `stop_reason` in our words. */
export function fromStopReason(stopReason: string): FinishReason {
  return Object.hasOwn(FINISH_REASONS, stopReason) ? (FINISH_REASONS[stopReason] ?? 'other') : 'other';
}

/** Anthropic's callers run tools on `tool_use` only, and some servers end a call with a plain `stop`. */
export function toStopReason(reason: FinishReason, hasToolCalls: boolean): string {
  return hasToolCalls && (reason === 'stop' || reason === 'other') ? 'tool_use' : STOP_REASONS[reason];
}
