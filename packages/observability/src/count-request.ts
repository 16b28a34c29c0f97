import type { CountedUsage } from './count-attempt.js';
import type { Metrics } from './metrics.js';

/** One accepted request that has ended. */
export interface CountedRequest {
  readonly operation: string;
  readonly dialect: string;
  readonly outcome: string;
  readonly errorCode?: string | undefined;
  /** `provider:model` that wrote the answer. */
  readonly servedBy?: string | undefined;
  readonly stream: boolean;
  readonly durationMs: number;
  /** When the first content of a stream went out, from the request on. */
  readonly firstContentMs?: number | undefined;
  /** How a stream that had begun ended. */
  readonly streamEnd?: string | undefined;
  readonly usage?: CountedUsage | undefined;
}

/**
 * Counts an ended request, in the same way in every role. @param refused whether a failure is the caller's own: it says nothing
 * about the service
 */
export function countRequest(metrics: Metrics, request: CountedRequest, refused: boolean): void {
  const { operation, dialect, stream, servedBy = '', errorCode, firstContentMs, durationMs } = request;
  const outcome = request.outcome === 'failed' && refused ? 'refused' : request.outcome;
  const colon = servedBy.indexOf(':');
  const answer = {
    gen_ai_operation_name: operation,
    gen_ai_provider_name: servedBy.slice(0, Math.max(0, colon)),
    gen_ai_response_model: servedBy.slice(colon + 1),
  };
  metrics.requests.inc({ operation, dialect, outcome });
  metrics.requestDuration.observe(
    { ...answer, stream: stream ? 'true' : 'false', error_type: errorCode ?? '' },
    durationMs / 1_000,
  );
  if (!stream) return;
  metrics.streamOutcomes.inc({ outcome: request.streamEnd ?? outcome });
  if (firstContentMs === undefined) return;
  metrics.firstToken.observe(answer, firstContentMs / 1_000);
  const tokens = request.usage?.outputTokens ?? 0;
  const whole = outcome === 'complete' || outcome === 'rescued';
  if (whole && tokens > 1) metrics.tokenGap.observe(answer, (durationMs - firstContentMs) / 1_000 / (tokens - 1));
}
