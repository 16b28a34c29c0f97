import type { Network } from '@moltbot/network';
import type { Dispatcher } from 'undici';
import { ProviderError } from '../failure.js';
import { decodeResponse } from './decoded-response.js';
import { Exchange } from './exchange.js';
import type { PostOptions, UpstreamClient, UpstreamResponse } from './upstream.js';

export interface UpstreamClientOptions {
  /** The way to the provider; closed with the client. */
  readonly network: Network;
}

/** Parsed addresses kept; a provider has few, Gemini one per model. */
const MAX_ADDRESSES = 1_000;

/** Sends requests over the network's kept-alive connections: no redirects, no repeats, our own time limits. */
export function createUpstreamClient(options: UpstreamClientOptions): UpstreamClient {
  return new Client(options.network);
}

interface Address {
  readonly origin: string;
  readonly path: string;
  readonly dispatcher: Dispatcher;
}

class Client implements UpstreamClient {
  readonly #network: Network;
  readonly #addresses = new Map<string, Address>();
  #longestConnectMs = 0;
  #closing: Promise<void> | undefined;

  constructor(network: Network) {
    this.#network = network;
  }

  post(options: PostOptions): Promise<UpstreamResponse> {
    return this.#send('POST', options, options.body);
  }

  get(options: Omit<PostOptions, 'body'>): Promise<UpstreamResponse> {
    return this.#send('GET', options, null);
  }

  close(): Promise<void> {
    this.#closing ??= this.#network.close();
    return this.#closing;
  }

  async #send(
    method: 'GET' | 'POST',
    options: Omit<PostOptions, 'body'>,
    body: PostOptions['body'] | null,
  ): Promise<UpstreamResponse> {
    if (this.#closing !== undefined) throw new ProviderError('cancelled', 'The client is closed.');
    if (options.connectTimeoutMs > this.#longestConnectMs) {
      this.#longestConnectMs = options.connectTimeoutMs;
      this.#network.raiseConnectTimeout(options.connectTimeoutMs);
    }
    const { origin, path, dispatcher } = this.#address(options.url);
    const headers: Record<string, string> = { 'accept-encoding': 'identity', ...options.headers };
    if (body !== null) headers['content-type'] ??= 'application/json';
    const exchange = new Exchange({
      signal: options.signal,
      connectTimeoutMs: options.connectTimeoutMs,
      headersTimeoutMs: options.headersTimeoutMs,
      isSaturated: () => this.#network.isSaturated(origin),
    });
    const response = await exchange.start((handler) =>
      dispatcher.dispatch({ origin, path, method, headers, body }, handler),
    );
    return decodeResponse(response);
  }

  #address(url: string): Address {
    const known = this.#addresses.get(url);
    if (known !== undefined) return known;
    const parsed = URL.parse(url);
    if (parsed === null || !/^https?:$/.test(parsed.protocol)) {
      throw new ProviderError('unfit', 'The address of the provider is no http:// or https:// URL.');
    }
    const { origin, pathname, search } = parsed;
    const address = { origin, path: `${pathname}${search}`, dispatcher: this.#network.dispatcherFor(origin) };
    if (this.#addresses.size >= MAX_ADDRESSES) this.#addresses.clear();
    this.#addresses.set(url, address);
    return address;
  }
}
