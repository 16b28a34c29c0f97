import type { Dispatcher, Pool } from 'undici';
import type { Proxy } from './proxy-choice.js';
import { proxyRefusal } from './proxy-error.js';

/** A pool of connections to a proxy as the way to plain HTTP hosts: whole addresses in the request line (RFC 9112 section 3.2.2). */
export function forwardThrough(pool: Pool, proxy: Proxy): Dispatcher {
  return pool.compose((dispatch) => (options, handler) => {
    const origin = String(options.origin ?? '');
    const headers = toRecord(options.headers);
    headers['host'] ??= new URL(origin).host;
    if (proxy.authorization !== undefined) headers['proxy-authorization'] = proxy.authorization;
    return dispatch({ ...options, headers, path: `${origin}${options.path}` }, new Forwarded(handler, proxy));
  });
}

/** Passes everything on but a 407, which is never the host's. */
class Forwarded implements Dispatcher.DispatchHandler {
  readonly #handler: Dispatcher.DispatchHandler;
  readonly #proxy: Proxy;

  constructor(handler: Dispatcher.DispatchHandler, proxy: Proxy) {
    this.#handler = handler;
    this.#proxy = proxy;
  }

  onRequestStart(...given: Parameters<NonNullable<Dispatcher.DispatchHandler['onRequestStart']>>): void {
    this.#handler.onRequestStart?.(...given);
  }

  onResponseStart(...given: Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseStart']>>): void {
    const [controller, status] = given;
    if (status === 407) controller.abort(proxyRefusal(this.#proxy.label, status));
    else this.#handler.onResponseStart?.(...given);
  }

  onResponseData(...given: Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseData']>>): void {
    this.#handler.onResponseData?.(...given);
  }

  onResponseEnd(...given: Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseEnd']>>): void {
    this.#handler.onResponseEnd?.(...given);
  }

  onResponseError(...given: Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseError']>>): void {
    this.#handler.onResponseError?.(...given);
  }
}

/** undici takes headers as a record, as pairs or as a flat list; names are made small. */
function toRecord(headers: Dispatcher.DispatchOptions['headers']): Record<string, string | string[]> {
  const record: Record<string, string | string[]> = {};
  for (const [name, value] of pairsOf(headers)) {
    if (value === undefined || value === null) continue;
    record[name.toLowerCase()] = typeof value === 'object' ? [...value] : String(value);
  }
  return record;
}

function pairsOf(
  headers: Dispatcher.DispatchOptions['headers'],
): Iterable<readonly [string, string | readonly string[] | number | undefined]> {
  if (headers === null || headers === undefined) return [];
  if (Array.isArray(headers)) {
    const flat: readonly string[] = headers;
    return flat.flatMap((name, index) => (index % 2 === 0 ? [[name, flat[index + 1]] as const] : []));
  }
  return Symbol.iterator in headers && typeof headers[Symbol.iterator] === 'function'
    ? (headers as Iterable<[string, string | string[] | undefined]>)
    : Object.entries(headers as Record<string, string | string[] | number | undefined>);
}
