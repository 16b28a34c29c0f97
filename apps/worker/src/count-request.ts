import type { RequestRecord } from '@moltbot/contracts';
import type { Metrics } from '@moltbot/observability';

/** A request that a job made has ended: as the primary counts those of its callers. */
export function countRequest(metrics: Metrics, record: RequestRecord): void {
  const { operation, dialect, outcome, servedBy, usage } = record;
  metrics.requests.inc({ operation, dialect, outcome });
  metrics.requestDuration.observe({ operation, stream: 'false' }, record.durationMs / 1_000);
  if (usage === undefined || servedBy === undefined) return;
  const colon = servedBy.indexOf(':');
  const target = { provider: servedBy.slice(0, colon), model: servedBy.slice(colon + 1) };
  metrics.tokens.inc({ ...target, direction: 'input' }, usage.inputTokens);
  metrics.tokens.inc({ ...target, direction: 'output' }, usage.outputTokens);
  if (usage.cachedInputTokens) metrics.tokens.inc({ ...target, direction: 'cached' }, usage.cachedInputTokens);
  if (usage.reasoningTokens) metrics.tokens.inc({ ...target, direction: 'reasoning' }, usage.reasoningTokens);
  if (record.costMicros) metrics.costMicros.inc(target, record.costMicros);
}
