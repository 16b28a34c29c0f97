import { Dispatcher, fetch as undiciFetch, type RequestInit } from 'undici';
import type { Network } from './network.js';

/** Connections of `fetch` open within this time; its answers start, and go on, within that. */
const CONNECT_MS = 10_000;
const SILENCE_MS = 30_000;

/** WHATWG fetch that goes the network's way, hop by hop where redirects are followed. */
export function createFetch(network: Pick<Network, 'dispatcherFor' | 'raiseConnectTimeout'>): typeof globalThis.fetch {
  const dispatcher = new ByOrigin(network);
  const routed = async (input: string | URL | Request, init: RequestInit = {}) => {
    network.raiseConnectTimeout(CONNECT_MS);
    const { url, ...own } = typeof input === 'string' || input instanceof URL ? { url: input } : partsOf(input);
    return await undiciFetch(url, { redirect: 'manual', ...own, ...init, dispatcher });
  };
  return routed as unknown as typeof globalThis.fetch;
}

class ByOrigin extends Dispatcher {
  readonly #network: Pick<Network, 'dispatcherFor'>;

  constructor(network: Pick<Network, 'dispatcherFor'>) {
    super();
    this.#network = network;
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    return this.#network
      .dispatcherFor(String(options.origin))
      .dispatch({ headersTimeout: SILENCE_MS, bodyTimeout: SILENCE_MS, ...options }, handler);
  }
}

/** Node's own `Request` is not undici's: its parts are handed on. */
function partsOf(request: Request): RequestInit & { readonly url: string } {
  const { url, method, headers, body, redirect, signal } = request;
  return {
    url,
    method,
    headers: [...headers],
    redirect,
    signal,
    ...(body === null ? {} : { body, duplex: 'half' as const }),
  };
}
