/** Where a syslog server listens. */
export type SyslogAddress =
  | { readonly transport: 'udp' | 'tcp' | 'tls'; readonly host: string; readonly port: number }
  | { readonly transport: 'unix'; readonly path: string };

/** RFC 5426 and RFC 5425; plain TCP has no port of its own but is mostly heard at 514. */
const PORTS = { udp: 514, tcp: 514, tls: 6514 } as const;

/** `udp://host:514`, `tcp://host:514`, `tls://host:6514`, `unix:///path/of/a/stream/socket`. `undefined` for anything else. */
export function parseSyslogUrl(text: string): SyslogAddress | undefined {
  const url = URL.parse(text);
  if (url === null || url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    return undefined;
  }
  const transport = url.protocol.slice(0, -1);
  if (transport === 'unix') {
    const path = decoded(url.pathname);
    return url.host === '' && path?.startsWith('/') === true && path !== '/' ? { transport, path } : undefined;
  }
  if (transport !== 'udp' && transport !== 'tcp' && transport !== 'tls') return undefined;
  if (url.hostname === '' || (url.pathname !== '' && url.pathname !== '/')) return undefined;
  const host = url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname;
  const port = url.port === '' ? PORTS[transport] : Number(url.port);
  return port === 0 ? undefined : { transport, host, port };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
