import type { StreamResult } from '@moltbot/providers';
import { formatCost, listHeader } from './reply-headers.js';

/** What is known of a stream only at its end, for callers that send `te: trailers`. */
export const STREAM_TRAILERS = ['x-moltbot-attempts', 'x-moltbot-cost', 'x-moltbot-models'] as const;

/** `x-moltbot-models`: who wrote the answer, in order; more than one after a rescue. */
export function streamTrailers({
  attempts,
  costMicros,
  spans,
}: Pick<StreamResult, 'attempts' | 'costMicros' | 'spans'>): Record<string, string> {
  const trailers: Record<string, string> = { 'x-moltbot-attempts': String(attempts.length) };
  if (costMicros !== undefined) trailers['x-moltbot-cost'] = formatCost(costMicros);
  const writers = spans.filter(({ length }) => length > 0).map(({ target }) => target);
  if (writers.length > 0) trailers['x-moltbot-models'] = listHeader(writers);
  return trailers;
}
