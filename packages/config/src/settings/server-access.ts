import { isIPv4 } from 'node:net';
import type { Settings } from '../schema.js';

/** Whether only this machine can reach the address. */
export function isLoopbackHost(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

/** What `server.access` means for the address: `auto` is open on a loopback address and asks for API keys elsewhere. */
export function effectiveAccess(server: Settings['server']): 'open' | 'api_key' {
  if (server.access !== 'auto') return server.access;
  return isLoopbackHost(server.host) ? 'open' : 'api_key';
}
