import type { Served } from '@moltbot/providers';
import type { Exchange } from './exchange.js';

/** Longest header value of ours: a list beyond it ends in `…`-like `+N`. */
const MAX_VALUE = 1_024;

/** What the caller is told of who answered, as a flat list of names and values for `writeHead`. */
export function servedHeaders(options: {
  readonly exchange: Pick<Exchange, 'requestId' | 'limitHeaders'>;
  readonly contentType: string;
  readonly served: Served;
  readonly costMicros?: number | undefined;
}): string[] {
  const { served, exchange } = options;
  const { requestId, limitHeaders } = exchange;
  const headers = [
    'content-type',
    options.contentType,
    'x-request-id',
    requestId,
    'request-id',
    requestId,
    'x-moltbot-model',
    headerText(served.model.ref),
    'x-moltbot-attempts',
    String(served.attempts.length),
  ];
  if (served.fallback !== undefined) {
    const { from, to, reason } = served.fallback;
    headers.push('x-moltbot-fallback', headerText(`${from} -> ${to}; reason=${reason}`));
  }
  if (options.costMicros !== undefined) headers.push('x-moltbot-cost', formatCost(options.costMicros));
  if (served.dropped.length > 0) headers.push('x-moltbot-dropped-params', listHeader(served.dropped));
  for (const text of limitHeaders) headers.push(text);
  return headers;
}

/** Millionths as a decimal number: 1234 → `0.001234`. */
export function formatCost(micros: number): string {
  return (micros / 1_000_000).toFixed(6);
}

/** Header values are visible ASCII (RFC 9110 section 5.5); a model's name may hold anything. */
function headerText(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, MAX_VALUE);
}

/** Names with commas between them, cut to the length of a header. */
export function listHeader(names: readonly string[]): string {
  let text = '';
  for (const [index, name] of names.entries()) {
    const next = text === '' ? name : `${text}, ${name}`;
    if (next.length > MAX_VALUE - 16) return headerText(`${text}, +${names.length - index}`);
    text = next;
  }
  return headerText(text);
}
