import type { Dispatcher } from 'undici';

/** How to get to the hosts of one provider: its API, and the token host of its accounts. */
export interface NetworkOptions {
  /** The system's proxies; what is missing is not looked up in the environment. Never asked for this machine itself. */
  readonly system?: {
    readonly httpProxy?: string | undefined;
    readonly httpsProxy?: string | undefined;
    /** As `NO_PROXY`. */
    readonly noProxy?: string | undefined;
  };
  /** A proxy of this provider's own, for every address, this machine too; `direct`: none. Goes before `system`. */
  readonly proxy?: string | undefined;
  /** PEM: certificate authorities to trust besides the usual ones. */
  readonly extraCa?: string | undefined;
  /** Open connections per origin. */
  readonly maxConnections?: number | undefined;
  readonly connectTimeoutMs?: number | undefined;
}

export interface Network {
  /** Kept-alive connections to the origin, by the route that the options give. */
  dispatcherFor(origin: string): Dispatcher;
  /** The proxy that is asked for this address, without its login; `undefined`: none. For diagnosis. */
  proxyFor(url: string): string | undefined;
  /** WHATWG fetch over the same connections. Redirects are not followed (`redirect: 'manual'`) unless asked for. */
  readonly fetch: typeof globalThis.fetch;
  close(): Promise<void>;
}
