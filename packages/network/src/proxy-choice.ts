import { AddressList, isLoopback } from './address-list.js';
import type { NetworkOptions } from './network.js';

/** A forward proxy, its login taken out of its address. */
export interface Proxy {
  readonly secure: boolean;
  readonly hostname: string;
  readonly port: number;
  /** `http://proxy:3128`: safe to show. */
  readonly label: string;
  /** The value of `proxy-authorization`. */
  readonly authorization: string | undefined;
}

/** Says which proxy an address is asked through; `undefined`: none. @throws TypeError for a proxy that is no URL */
export function createProxyChoice(options: NetworkOptions): (url: URL) => Proxy | undefined {
  const { proxy, system } = options;
  if (proxy === 'direct') return () => undefined;
  if (proxy !== undefined && proxy !== '') {
    const own = parseProxy(proxy);
    return () => own;
  }
  const plain = optional(system?.httpProxy);
  // As undici's and Node's own reading of the variables has it: the one serves for both.
  const secure = optional(system?.httpsProxy) ?? plain;
  if (plain === undefined && secure === undefined) return () => undefined;
  const excepted = new AddressList(system?.noProxy ?? '');
  return (url) => {
    const found = url.protocol === 'https:' ? secure : plain;
    return found === undefined || isLoopback(url) || excepted.has(url) ? undefined : found;
  };
}

function optional(text: string | undefined): Proxy | undefined {
  return text === undefined || text === '' ? undefined : parseProxy(text);
}

function parseProxy(text: string): Proxy {
  const url = URL.parse(text);
  // The text may hold a password: it is not told.
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new TypeError('a proxy must be an http:// or https:// URL');
  const secure = url.protocol === 'https:';
  const port = url.port === '' ? (secure ? 443 : 80) : Number(url.port);
  const login = `${decoded(url.username)}:${decoded(url.password)}`;
  return {
    secure,
    hostname: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port,
    label: url.origin,
    authorization: login === ':' ? undefined : `Basic ${Buffer.from(login).toString('base64')}`,
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
