import type { Usage } from '@moltbot/contracts';
import type { Price } from '../target.js';

/** What the tokens cost, in whole millionths of the price currency; undefined where the model has no price. */
export function costMicros(usage: Usage | undefined, price: Price | undefined): number | undefined {
  if (usage === undefined || price === undefined) return undefined;
  const cached = Math.min(usage.cachedInputTokens ?? 0, usage.inputTokens);
  const written = Math.min(usage.cacheWriteTokens ?? 0, usage.inputTokens - cached);
  const plain = usage.inputTokens - cached - written;
  return Math.round(
    plain * price.input + cached * price.cachedInput + written * price.cacheWrite + usage.outputTokens * price.output,
  );
}

/** The sum over the models that wrote one answer; estimated as soon as one part is. */
export function addUsage(first: Usage | undefined, second: Usage | undefined): Usage | undefined {
  if (first === undefined || second === undefined) return first ?? second;
  return {
    inputTokens: first.inputTokens + second.inputTokens,
    outputTokens: first.outputTokens + second.outputTokens,
    cachedInputTokens: addOptional(first.cachedInputTokens, second.cachedInputTokens),
    cacheWriteTokens: addOptional(first.cacheWriteTokens, second.cacheWriteTokens),
    reasoningTokens: addOptional(first.reasoningTokens, second.reasoningTokens),
    source: first.source === 'provider' && second.source === 'provider' ? 'provider' : 'estimated',
  };
}

function addOptional(first: number | undefined, second: number | undefined): number | undefined {
  return first === undefined && second === undefined ? undefined : (first ?? 0) + (second ?? 0);
}

/** Bytes in UTF-8 / 4, where a provider reports nothing: about right for English, and for scripts whose characters are a token each. */
export function estimatedTokens(bytes: number): number {
  return Math.ceil(bytes / 4);
}
