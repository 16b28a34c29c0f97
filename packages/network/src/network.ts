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
  /** PEM (`readCertificates`): certificate authorities to trust besides the usual ones. */
  readonly extraCa?: string | undefined;
  /** Open connections per origin; 128. */
  readonly maxConnections?: number | undefined;
  /** For each attempt to connect, a proxy's tunnel included; without it the longest that a user of the network waits, or 10 s. */
  readonly connectTimeoutMs?: number | undefined;
}

export interface Network {
  /** Kept-alive connections to the origin, by the route that the options give. */
  dispatcherFor(origin: string): Dispatcher;
  /** Whether every connection to the origin is in use. */
  isSaturated(origin: string): boolean;
  /** Connection attempts may take this long from now on, unless `connectTimeoutMs` says how long. Never lowers it. */
  raiseConnectTimeout(ms: number): void;
  /** The proxy that is asked for this address, without its login; `undefined`: none. For diagnosis. */
  proxyFor(url: string): string | undefined;
  /**
   * WHATWG fetch over the same connections. Redirects are not followed (`redirect: 'manual'`) unless asked for. Ends after
   * 30 s without a byte; a limit for the whole is the caller's, by `signal`.
   */
  readonly fetch: typeof globalThis.fetch;
  close(): Promise<void>;
}
