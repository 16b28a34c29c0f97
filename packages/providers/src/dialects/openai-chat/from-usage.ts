import type { Usage } from '@moltbot/contracts';
import { readCount, readObject } from '../../read-json.js';

/** `usage` of an answer or a chunk, with what compatible servers call otherwise; undefined where it counts nothing. */
export function fromUsage(value: unknown): Usage | undefined {
  const usage = readObject(value);
  const inputTokens = readCount(usage?.['prompt_tokens']);
  const outputTokens = readCount(usage?.['completion_tokens']);
  if (usage === undefined || (inputTokens === undefined && outputTokens === undefined)) return undefined;
  const input = readObject(usage['prompt_tokens_details']);
  const reasoningTokens = readCount(readObject(usage['completion_tokens_details'])?.['reasoning_tokens']);
  const counted: Usage = {
    inputTokens: inputTokens ?? 0,
    outputTokens: outputTokens ?? 0,
    // DeepSeek has its own name for it.
    cachedInputTokens: readCount(input?.['cached_tokens']) ?? readCount(usage['prompt_cache_hit_tokens']),
    cacheWriteTokens: readCount(input?.['cache_write_tokens']),
    reasoningTokens,
    source: 'provider',
  };
  const sum = counted.inputTokens + counted.outputTokens;
  // xAI counts reasoning beside the output; only the total tells.
  if (reasoningTokens !== undefined && reasoningTokens > 0 && usage['total_tokens'] === sum + reasoningTokens) {
    return { ...counted, outputTokens: counted.outputTokens + reasoningTokens };
  }
  return counted;
}
