import type { Usage } from '@moltbot/contracts';
import { readCount, readObject } from '../../read-json.js';

/** OpenAI's counts are ours: cached and cache-write tokens are within the input, reasoning within the output. */
export function fromUsage(value: unknown): Usage | undefined {
  const usage = readObject(value);
  const inputTokens = readCount(usage?.['input_tokens']);
  const outputTokens = readCount(usage?.['output_tokens']);
  if (usage === undefined || (inputTokens === undefined && outputTokens === undefined)) return undefined;
  const input = readObject(usage['input_tokens_details']);
  return {
    inputTokens: inputTokens ?? 0,
    outputTokens: outputTokens ?? 0,
    cachedInputTokens: readCount(input?.['cached_tokens']),
    cacheWriteTokens: readCount(input?.['cache_write_tokens']),
    reasoningTokens: readCount(readObject(usage['output_tokens_details'])?.['reasoning_tokens']),
    source: 'provider',
  };
}
