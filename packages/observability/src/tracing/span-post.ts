import { JsonTraceSerializer } from '@opentelemetry/otlp-transformer';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';

/** What became of a batch; `away`: the same batch may be taken later. */
export type Posted = { readonly type: 'taken' } | { readonly type: 'refused' | 'away'; readonly error: Error };

/** Of OTLP 1.10, "Retryable Response Codes". */
const RETRYABLE: ReadonlySet<number> = new Set([429, 502, 503, 504]);
const WITHIN_MS = 10_000;

interface Collector {
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** A login that stands in the address becomes a header: `fetch` takes no address with one. A header that is set stays. */
export function collectorOf({ endpoint, headers }: Collector): Collector {
  const url = new URL(endpoint);
  const { username, password } = url;
  if (username === '' && password === '') return { endpoint, headers };
  url.username = '';
  url.password = '';
  const isSet = Object.keys(headers).some((name) => name.toLowerCase() === 'authorization');
  const login = Buffer.from(`${decoded(username)}:${decoded(password)}`).toString('base64');
  return { endpoint: url.href, headers: isSet ? headers : { ...headers, authorization: `Basic ${login}` } };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Posts a batch as OpenTelemetry's protocol has it, JSON over HTTP. Bounded in time; ends early when `closing` fires. */
export async function postSpans(
  options: Collector & { readonly spans: readonly ReadableSpan[]; readonly closing: AbortSignal },
): Promise<Posted> {
  const { endpoint, headers, spans, closing } = options;
  const body = JsonTraceSerializer.serializeRequest([...spans]);
  if (body === undefined) return { type: 'refused', error: new Error('the spans cannot be written as JSON') };
  const timer = new AbortController();
  const timeout = setTimeout(() => {
    timer.abort(new Error(`the collector did not answer within ${WITHIN_MS} ms`));
  }, WITHIN_MS);
  timeout.unref();
  try {
    const response = await fetch(endpoint, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: Buffer.from(body),
      redirect: 'error',
      signal: AbortSignal.any([timer.signal, closing]),
    });
    await response.body?.cancel();
    if (response.ok) return { type: 'taken' };
    const error = new Error(`the collector answers ${response.status}`);
    return { type: RETRYABLE.has(response.status) ? 'away' : 'refused', error };
  } catch (error) {
    return { type: 'away', error: error instanceof Error ? deepest(error) : new Error(String(error)) };
  } finally {
    clearTimeout(timeout);
  }
}

/** `fetch failed` says nothing; its cause does. */
function deepest(error: Error): Error {
  return error.cause instanceof Error ? error.cause : error;
}
