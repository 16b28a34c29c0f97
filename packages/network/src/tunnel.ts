import { request as httpRequest, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import type { SecureContext } from 'node:tls';
import type { Proxy } from './proxy-choice.js';
import { ProxyError, proxyRefusal } from './proxy-error.js';

export interface TunnelOptions {
  readonly proxy: Proxy;
  /** `host:port`, brackets around an IPv6 address. */
  readonly authority: string;
  readonly timeoutMs: number;
  readonly secureContext: SecureContext | undefined;
}

/** Opens a tunnel with CONNECT (RFC 9110 section 9.3.6). @throws ProxyError */
export function openTunnel(options: TunnelOptions): Promise<Socket> {
  const { proxy, authority, timeoutMs, secureContext } = options;
  const headers: Record<string, string> = {
    host: authority,
    connection: 'keep-alive',
    'proxy-connection': 'keep-alive',
  };
  if (proxy.authorization !== undefined) headers['proxy-authorization'] = proxy.authorization;
  const address: RequestOptions = {
    host: proxy.hostname,
    port: proxy.port,
    method: 'CONNECT',
    path: authority,
    headers,
    agent: false,
    setDefaultHeaders: false,
  };
  return new Promise((resolve, reject) => {
    const request = proxy.secure
      ? httpsRequest({ ...address, ...(secureContext && { secureContext }) })
      : httpRequest(address);
    const timer = setTimeout(() => {
      request.destroy(
        new ProxyError('ERR_PROXY_TIMEOUT', `The proxy ${proxy.label} did not open the connection in time.`, {
          proxy: proxy.label,
        }),
      );
    }, timeoutMs);
    request.once('error', (error) => {
      clearTimeout(timer);
      reject(error instanceof ProxyError ? error : proxyUnreachable(proxy, error));
    });
    request.once('connect', (response, socket: Socket, head) => {
      clearTimeout(timer);
      const { statusCode = 0 } = response;
      if (statusCode < 200 || statusCode > 299) {
        socket.on('error', () => {});
        socket.destroy();
        reject(proxyRefusal(proxy.label, statusCode));
        return;
      }
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
    });
    request.end();
  });
}

export function proxyUnreachable(proxy: Proxy, cause: unknown): ProxyError {
  return new ProxyError('ERR_PROXY_UNREACHABLE', `No connection to the proxy ${proxy.label}.`, {
    proxy: proxy.label,
    cause,
  });
}
