import { effectiveAccess, isLoopbackHost, type Settings } from '@moltbot/config';
import { MoltbotError } from '@moltbot/contracts';

/**
 * Refuses to open a port to others without authentication, and, unless `server.access` says `api_key` itself, one that nobody
 * could use yet. @throws MoltbotError `unsafe_bind`
 */
export function assertSafeBind(options: { readonly server: Settings['server']; readonly activeKeys: number }): void {
  const { server, activeKeys } = options;
  if (isLoopbackHost(server.host)) return;
  if (effectiveAccess(server) === 'open') {
    throw new MoltbotError(
      'unsafe_bind',
      `server.access is "open" and ${server.host} can be reached by others. Set server.access to api_key and create a key with \`moltbot keys create NAME\`, or bind to 127.0.0.1.`,
    );
  }
  // Somebody who asked for keys in so many words may make the first one later: until then everybody is refused.
  if (server.access === 'api_key') return;
  // Who signs in at the organisation needs no key of ours.
  if (activeKeys === 0 && server.oidc === undefined) {
    throw new MoltbotError(
      'unsafe_bind',
      `${server.host} can be reached by others and there is no API key yet. Create one with \`moltbot keys create NAME\`, or bind to 127.0.0.1; with server.access: api_key MoltBot starts without one and refuses everybody.`,
    );
  }
}
