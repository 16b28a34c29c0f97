import type { Socket } from 'node:net';
import type { SecureContext } from 'node:tls';
import { buildConnector, type Dispatcher, Pool } from 'undici';
import { createFetch } from './fetch.js';
import { forwardThrough } from './forward.js';
import type { Network, NetworkOptions } from './network.js';
import { createProxyChoice, type Proxy } from './proxy-choice.js';
import { ProxyError } from './proxy-error.js';
import { trustBesidesDefault } from './trust.js';
import { openTunnel, proxyUnreachable } from './tunnel.js';

/** Idle connections are kept this long unless the server's Keep-Alive header says less. */
const KEEP_ALIVE_MS = 30_000;
const MAX_HEADER_BYTES = 32_768;
const DEFAULT_CONNECTIONS = 128;
const DEFAULT_CONNECT_MS = 10_000;

/** HTTP/1.1, one request at a time on a connection; time limits are the caller's. */
const CONNECTION_OPTIONS = {
  pipelining: 1,
  allowH2: false,
  keepAliveTimeout: KEEP_ALIVE_MS,
  maxHeaderSize: MAX_HEADER_BYTES,
  headersTimeout: 0,
  bodyTimeout: 0,
} as const;

/**
 * The way to the hosts of one provider. Opens nothing by itself.
 * @throws TypeError for a proxy that is no URL; CertificateError for further authorities that can't be read
 */
export function createNetwork(options: NetworkOptions = {}): Network {
  return new Connections(options);
}

interface Route {
  readonly pool: Pool;
  readonly dispatcher: Dispatcher;
}

class Connections implements Network {
  readonly fetch: Network['fetch'];
  readonly #options: NetworkOptions;
  readonly #chooseProxy: (url: URL) => Proxy | undefined;
  readonly #secureContext: SecureContext | undefined;
  readonly #maxConnections: number;
  readonly #routes = new Map<string, Route>();
  readonly #connectors = new Map<number, buildConnector.connector>();
  #connectMs = 0;
  #closing: Promise<void> | undefined;

  constructor(options: NetworkOptions) {
    this.#options = options;
    this.#chooseProxy = createProxyChoice(options);
    this.#secureContext = options.extraCa === undefined ? undefined : trustBesidesDefault(options.extraCa);
    this.#maxConnections = options.maxConnections ?? DEFAULT_CONNECTIONS;
    this.fetch = createFetch(this);
  }

  dispatcherFor(origin: string): Dispatcher {
    return this.#routeTo(origin).dispatcher;
  }

  isSaturated(origin: string): boolean {
    const route = this.#routes.get(origin);
    return route !== undefined && route.pool.stats.running >= this.#maxConnections;
  }

  raiseConnectTimeout(ms: number): void {
    if (ms > this.#connectMs) this.#connectMs = ms;
  }

  proxyFor(url: string): string | undefined {
    return this.#chooseProxy(new URL(url))?.label;
  }

  close(): Promise<void> {
    this.#closing ??= Promise.all([...this.#routes.values()].map(({ pool }) => pool.close())).then(() => {});
    return this.#closing;
  }

  /** Connection attempts end some time after the last request that waits for one has given up. */
  get #connectTimeout(): number {
    return this.#options.connectTimeoutMs ?? (this.#connectMs > 0 ? this.#connectMs : DEFAULT_CONNECT_MS);
  }

  #routeTo(origin: string): Route {
    const known = this.#routes.get(origin);
    if (known !== undefined) return known;
    if (this.#closing !== undefined) throw new TypeError('the network is closed');
    const route = this.#createRoute(new URL(origin));
    this.#routes.set(origin, route);
    return route;
  }

  #createRoute(url: URL): Route {
    const proxy = this.#chooseProxy(url);
    const options = { ...CONNECTION_OPTIONS, connections: this.#maxConnections };
    if (proxy === undefined) {
      const pool = new Pool(url.origin, {
        ...options,
        connect: (to, callback) => this.#connector(this.#connectTimeout)(to, callback),
      });
      return { pool, dispatcher: pool };
    }
    if (url.protocol === 'https:') {
      const pool = new Pool(url.origin, {
        ...options,
        connect: (to, callback) => void this.#tunnel(proxy, to, callback),
      });
      return { pool, dispatcher: pool };
    }
    const pool = new Pool(proxy.label, {
      ...options,
      connect: (_to, callback) => this.#connectTo(proxy, callback),
    });
    return { pool, dispatcher: forwardThrough(pool, proxy) };
  }

  async #tunnel(proxy: Proxy, to: buildConnector.Options, callback: buildConnector.Callback): Promise<void> {
    const timeoutMs = this.#connectTimeout;
    const host = to.host ?? to.hostname;
    const authority = to.port === '' ? `${host}:443` : host;
    let httpSocket: Socket;
    try {
      httpSocket = await openTunnel({ proxy, authority, timeoutMs, secureContext: this.#secureContext });
    } catch (error) {
      callback(error instanceof Error ? error : new TypeError(String(error)), null);
      return;
    }
    this.#connector(timeoutMs)({ ...to, httpSocket }, callback);
  }

  /** Errors of the proxy's own TLS and socket are told apart from the host's. */
  #connectTo(proxy: Proxy, callback: buildConnector.Callback): void {
    const { hostname, port, secure } = proxy;
    const to = { hostname, host: `${hostname}:${port}`, protocol: secure ? 'https:' : 'http:', port: String(port) };
    this.#connector(this.#connectTimeout)(to, (error, socket) => {
      if (error === null) callback(null, socket);
      else callback(timedOut(error) ? proxyTimeout(proxy, error) : proxyUnreachable(proxy, error), null);
    });
  }

  #connector(timeout: number): buildConnector.connector {
    const known = this.#connectors.get(timeout);
    if (known !== undefined) return known;
    const secureContext = this.#secureContext;
    const connector = buildConnector({ timeout, allowH2: false, ...(secureContext && { secureContext }) });
    this.#connectors.set(timeout, connector);
    return connector;
  }
}

function timedOut(error: Error): boolean {
  return 'code' in error && error.code === 'UND_ERR_CONNECT_TIMEOUT';
}

function proxyTimeout(proxy: Proxy, cause: Error): ProxyError {
  return new ProxyError('ERR_PROXY_TIMEOUT', `The proxy ${proxy.label} did not open the connection in time.`, {
    proxy: proxy.label,
    cause,
  });
}
