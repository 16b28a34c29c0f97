/**
 * Names of OpenTelemetry's conventions for generative AI (all at "Development"; read in November 2026) and of errors and HTTP,
 * in one place: they still change. Names of ours begin with `moltbot.`.
 */
export const GEN_AI = {
  operation: 'gen_ai.operation.name',
  provider: 'gen_ai.provider.name',
  requestModel: 'gen_ai.request.model',
  responseModel: 'gen_ai.response.model',
  finishReasons: 'gen_ai.response.finish_reasons',
  firstChunkSeconds: 'gen_ai.response.time_to_first_chunk',
  inputTokens: 'gen_ai.usage.input_tokens',
  outputTokens: 'gen_ai.usage.output_tokens',
  cachedTokens: 'gen_ai.usage.cache_read.input_tokens',
  cacheWriteTokens: 'gen_ai.usage.cache_creation.input_tokens',
  reasoningTokens: 'gen_ai.usage.reasoning.output_tokens',
} as const;

/** Providers whose names in the conventions are others than ours. */
const PROVIDERS: Readonly<Record<string, string>> = { gemini: 'gcp.gemini' };

export function providerName(provider: string): string {
  return PROVIDERS[provider] ?? provider;
}
