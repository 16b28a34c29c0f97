import { buildConnector, type Dispatcher, EnvHttpProxyAgent, Pool } from 'undici';
import { ProviderError } from '../failure.js';
import { decodeResponse } from './decoded-response.js';
import { Exchange } from './exchange.js';
import type { PostOptions, UpstreamClient, UpstreamResponse } from './upstream.js';

/** The system's proxy settings, as `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` say them. */
export interface ProxySettings {
  readonly httpProxy?: string | undefined;
  readonly httpsProxy?: string | undefined;
  readonly noProxy?: string | undefined;
}

export interface UpstreamClientOptions {
  /** Open connections per origin. */
  readonly maxConnections: number;
  readonly proxy?: ProxySettings | undefined;
}

/** Idle connections are kept this long unless the server's Keep-Alive header says less. */
const KEEP_ALIVE_MS = 30_000;
const MAX_HEADER_BYTES = 32_768;
/** Parsed addresses kept; a provider has few, Gemini one per model. */
const MAX_ADDRESSES = 1_000;

/** HTTP/1.1, one request at a time on a connection, no redirects, no repeats, our own time limits. */
const CONNECTION_OPTIONS = {
  pipelining: 1,
  allowH2: false,
  keepAliveTimeout: KEEP_ALIVE_MS,
  maxHeaderSize: MAX_HEADER_BYTES,
  headersTimeout: 0,
  bodyTimeout: 0,
} as const;

/**
 * Sends requests over kept-alive connections, directly or through the system's proxy (never to this machine itself).
 * Each origin has a pool of its own; a proxy's settings are read once.
 */
export function createUpstreamClient(options: UpstreamClientOptions): UpstreamClient {
  return new Client(options);
}

interface Route {
  readonly dispatcher: Dispatcher;
  /** Undefined where a proxy's pools are not ours to look into. */
  readonly pool: Pool | undefined;
}

class Client implements UpstreamClient {
  readonly #options: UpstreamClientOptions;
  readonly #routes = new Map<string, Route>();
  readonly #addresses = new Map<string, { readonly origin: string; readonly path: string }>();
  readonly #connectors = new Map<number, buildConnector.connector>();
  #proxyAgent: Dispatcher | undefined;
  #longestConnectMs = 1;
  #closing: Promise<void> | undefined;

  constructor(options: UpstreamClientOptions) {
    this.#options = options;
  }

  post(options: PostOptions): Promise<UpstreamResponse> {
    return this.#send('POST', options, options.body);
  }

  get(options: Omit<PostOptions, 'body'>): Promise<UpstreamResponse> {
    return this.#send('GET', options, null);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const dispatchers = new Set([...this.#routes.values()].map((route) => route.dispatcher));
    await Promise.all([...dispatchers].map((dispatcher) => dispatcher.close()));
  }

  async #send(
    method: 'GET' | 'POST',
    options: Omit<PostOptions, 'body'>,
    body: Buffer | null,
  ): Promise<UpstreamResponse> {
    if (this.#closing !== undefined) throw new ProviderError('cancelled', 'The client is closed.');
    const { origin, path } = this.#address(options.url);
    if (options.connectTimeoutMs > this.#longestConnectMs) this.#longestConnectMs = options.connectTimeoutMs;
    const { dispatcher, pool } = this.#routeTo(origin);
    const headers: Record<string, string> = { 'accept-encoding': 'identity', ...options.headers };
    if (body !== null) headers['content-type'] ??= 'application/json';
    const exchange = new Exchange({
      signal: options.signal,
      connectTimeoutMs: options.connectTimeoutMs,
      headersTimeoutMs: options.headersTimeoutMs,
      isSaturated: () => pool !== undefined && pool.stats.running >= this.#options.maxConnections,
    });
    const response = await exchange.start((handler) =>
      dispatcher.dispatch({ origin, path, method, headers, body }, handler),
    );
    return decodeResponse(response);
  }

  #address(url: string): { readonly origin: string; readonly path: string } {
    const known = this.#addresses.get(url);
    if (known !== undefined) return known;
    if (!URL.canParse(url)) throw new ProviderError('unfit', 'The address of the provider is no URL.');
    const { origin, pathname, search } = new URL(url);
    const address = { origin, path: `${pathname}${search}` };
    if (this.#addresses.size >= MAX_ADDRESSES) this.#addresses.clear();
    this.#addresses.set(url, address);
    return address;
  }

  #routeTo(origin: string): Route {
    const known = this.#routes.get(origin);
    if (known !== undefined) return known;
    const proxied = this.#needsProxy(origin);
    const pool = proxied ? undefined : this.#createPool(origin);
    const route: Route = { dispatcher: pool ?? this.#proxies(), pool };
    this.#routes.set(origin, route);
    return route;
  }

  #needsProxy(origin: string): boolean {
    const { proxy } = this.#options;
    if ((proxy?.httpProxy ?? '') === '' && (proxy?.httpsProxy ?? '') === '') return false;
    return !isLoopback(new URL(origin).hostname);
  }

  #createPool(origin: string): Pool {
    return new Pool(origin, {
      ...CONNECTION_OPTIONS,
      connections: this.#options.maxConnections,
      connect: (options, callback) => {
        this.#connector(this.#longestConnectMs)(options, callback);
      },
    });
  }

  /** Connection attempts end some time after the last request that waits for one has given up. */
  #connector(timeout: number): buildConnector.connector {
    const known = this.#connectors.get(timeout);
    if (known !== undefined) return known;
    const connector = buildConnector({ timeout, allowH2: false });
    this.#connectors.set(timeout, connector);
    return connector;
  }

  #proxies(): Dispatcher {
    const { proxy, maxConnections } = this.#options;
    // Empty texts instead of undefined: what is missing must not be looked up in the environment.
    this.#proxyAgent ??= new EnvHttpProxyAgent({
      ...CONNECTION_OPTIONS,
      connections: maxConnections,
      connectTimeout: this.#longestConnectMs,
      httpProxy: proxy?.httpProxy ?? '',
      httpsProxy: proxy?.httpsProxy ?? '',
      noProxy: proxy?.noProxy ?? '',
    });
    return this.#proxyAgent;
  }
}

function isLoopback(hostname: string): boolean {
  return (
    hostname === 'localhost' ||
    hostname.endsWith('.localhost') ||
    hostname === '[::1]' ||
    /^127\.\d+\.\d+\.\d+$/.test(hostname)
  );
}
