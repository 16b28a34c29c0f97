/**
 * - `ERR_PROXY_UNREACHABLE`: no connection to the proxy itself (`cause` is the socket's or TLS's error)
 * - `ERR_PROXY_TIMEOUT`: the proxy did not open the tunnel in time
 * - `ERR_PROXY_LOGIN_REQUIRED`: 407
 * - `ERR_PROXY_REFUSED`: any other answer to CONNECT but 2xx
 */
export type ProxyErrorCode =
  | 'ERR_PROXY_UNREACHABLE'
  | 'ERR_PROXY_TIMEOUT'
  | 'ERR_PROXY_LOGIN_REQUIRED'
  | 'ERR_PROXY_REFUSED';

export interface ProxyErrorOptions {
  /** Without its login. */
  readonly proxy: string;
  /** The proxy's own answer. */
  readonly status?: number | undefined;
  readonly cause?: unknown;
}

/** The proxy, not the host behind it, stood in the way: the request never reached the host. `message` holds no login. */
export class ProxyError extends Error {
  override readonly name = 'ProxyError';
  readonly code: ProxyErrorCode;
  readonly proxy: string;
  readonly status: number | undefined;

  constructor(code: ProxyErrorCode, message: string, options: ProxyErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.proxy = options.proxy;
    this.status = options.status;
  }
}

/** What a proxy's answer says that is no tunnel. */
export function proxyRefusal(proxy: string, status: number): ProxyError {
  return status === 407
    ? new ProxyError('ERR_PROXY_LOGIN_REQUIRED', `The proxy ${proxy} wants a login, or another one (407).`, {
        proxy,
        status,
      })
    : new ProxyError('ERR_PROXY_REFUSED', `The proxy ${proxy} refused the connection (${status}).`, { proxy, status });
}
