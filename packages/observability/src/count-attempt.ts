import type { Metrics } from './metrics.js';

/** Tokens of one call or one answer. */
export interface CountedUsage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cachedInputTokens?: number | undefined;
  readonly cacheWriteTokens?: number | undefined;
  readonly reasoningTokens?: number | undefined;
}

/** One call to a model service that has ended. */
export interface CountedAttempt {
  readonly operation?: string | undefined;
  readonly provider: string;
  readonly model: string;
  /** `ok`, or why not. */
  readonly outcome: string;
  readonly durationMs: number;
  /** Of streams. */
  readonly firstContentMs?: number | undefined;
  readonly longestGapMs?: number | undefined;
  readonly usage?: CountedUsage | undefined;
  readonly costMicros?: number | undefined;
}

/** Counts a call to a model service, in the same way in every role. */
export function countAttempt(metrics: Metrics, attempt: CountedAttempt): void {
  const { provider, model, outcome, usage, firstContentMs, longestGapMs, costMicros } = attempt;
  const call = {
    gen_ai_operation_name: attempt.operation ?? 'chat',
    gen_ai_provider_name: provider,
    gen_ai_request_model: model,
  };
  metrics.attempts.inc({ provider, model, outcome });
  const error_type = outcome === 'ok' ? '' : outcome;
  metrics.attemptDuration.observe({ ...call, error_type }, attempt.durationMs / 1_000);
  if (firstContentMs !== undefined) metrics.firstChunk.observe(call, firstContentMs / 1_000);
  if (longestGapMs !== undefined) metrics.contentGap.observe({ provider, model }, longestGapMs / 1_000);
  // A free model costs nothing, and that is a cost too; one without a price has none.
  if (costMicros !== undefined) metrics.costMicros.inc({ provider, model }, costMicros);
  if (usage === undefined) return;
  metrics.tokenUsage.observe({ ...call, gen_ai_token_type: 'input' }, usage.inputTokens);
  if (call.gen_ai_operation_name !== 'embeddings') {
    metrics.tokenUsage.observe({ ...call, gen_ai_token_type: 'output' }, usage.outputTokens);
  }
  if (usage.cachedInputTokens) metrics.cachedTokens.inc(call, usage.cachedInputTokens);
  if (usage.cacheWriteTokens) metrics.cacheWriteTokens.inc(call, usage.cacheWriteTokens);
  if (usage.reasoningTokens) metrics.reasoningTokens.inc(call, usage.reasoningTokens);
}
