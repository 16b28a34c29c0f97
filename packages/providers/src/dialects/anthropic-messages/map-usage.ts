import type { Usage } from '@moltbot/contracts';
import type { JsonObject } from '../../caller-request.js';
import { readCount, readObject } from '../../read-json.js';

/** Anthropic's counts as they come: input without what the cache held. */
export interface AnthropicUsage {
  input: number | undefined;
  cacheRead: number | undefined;
  cacheWrite: number | undefined;
  output: number | undefined;
  thinking: number | undefined;
}

export function noUsage(): AnthropicUsage {
  return { input: undefined, cacheRead: undefined, cacheWrite: undefined, output: undefined, thinking: undefined };
}

/** Takes over the counts of one event: all are totals of the whole message, the ones left out or null stay. */
export function mergeUsage(into: AnthropicUsage, value: unknown): void {
  const usage = readObject(value);
  if (usage === undefined) return;
  into.input = readCount(usage['input_tokens']) ?? into.input;
  into.cacheRead = readCount(usage['cache_read_input_tokens']) ?? into.cacheRead;
  into.cacheWrite = readCount(usage['cache_creation_input_tokens']) ?? into.cacheWrite;
  into.output = readCount(usage['output_tokens']) ?? into.output;
  into.thinking = readCount(readObject(usage['output_tokens_details'])?.['thinking_tokens']) ?? into.thinking;
}

/** In our convention, where input holds the cached tokens; `undefined` where nothing was counted. */
export function fromUsage(counts: AnthropicUsage): Usage | undefined {
  const { input, cacheRead, cacheWrite, output, thinking } = counts;
  if (input === undefined && output === undefined) return undefined;
  return {
    inputTokens: (input ?? 0) + (cacheRead ?? 0) + (cacheWrite ?? 0),
    outputTokens: output ?? 0,
    cachedInputTokens: cacheRead,
    cacheWriteTokens: cacheWrite,
    reasoningTokens: thinking,
    source: 'provider',
  };
}

/** The members that `message_delta` and a whole message share. */
export function toUsage(usage: Usage): JsonObject {
  const cacheRead = usage.cachedInputTokens ?? 0;
  const cacheWrite = usage.cacheWriteTokens ?? 0;
  return {
    input_tokens: Math.max(0, usage.inputTokens - cacheRead - cacheWrite),
    cache_creation_input_tokens: cacheWrite,
    cache_read_input_tokens: cacheRead,
    output_tokens: usage.outputTokens,
    output_tokens_details: usage.reasoningTokens === undefined ? null : { thinking_tokens: usage.reasoningTokens },
    server_tool_use: null,
  };
}
