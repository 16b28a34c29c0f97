import type { Usage } from '@moltbot/contracts';
import { readCount, readObject } from '../../read-json.js';

/**
 * UsageMetadata in our convention: thoughts are counted beside the candidates by Google and are output here; the prompt of
 * Google's own tools is counted beside the prompt and is input here; cached tokens are within the prompt already.
 */
export function fromUsage(value: unknown): Usage | undefined {
  const usage = readObject(value);
  const prompt = readCount(usage?.['promptTokenCount']);
  const candidates = readCount(usage?.['candidatesTokenCount']);
  const thoughts = readCount(usage?.['thoughtsTokenCount']);
  if (usage === undefined || (prompt === undefined && candidates === undefined && thoughts === undefined)) {
    return undefined;
  }
  return {
    inputTokens: (prompt ?? 0) + (readCount(usage['toolUsePromptTokenCount']) ?? 0),
    outputTokens: (candidates ?? 0) + (thoughts ?? 0),
    cachedInputTokens: readCount(usage['cachedContentTokenCount']),
    reasoningTokens: thoughts,
    source: 'provider',
  };
}
