/** Where a Redis is: one server, the sentinels that know it, or some nodes of a cluster. May hold logins: never logged. */
export type RedisAddress =
  | { readonly kind: 'single'; readonly url: string; readonly tls: boolean }
  | {
      readonly kind: 'sentinel';
      readonly tls: boolean;
      readonly nodes: readonly RedisNode[];
      /** The name that the sentinels watch it by. */
      readonly master: string;
      readonly database: number;
      /** Of the Redis. */
      readonly login: RedisLogin;
      readonly sentinelLogin: RedisLogin;
    }
  | {
      readonly kind: 'cluster';
      readonly tls: boolean;
      readonly nodes: readonly RedisNode[];
      readonly login: RedisLogin;
    };

export interface RedisNode {
  readonly host: string;
  readonly port: number;
}

export interface RedisLogin {
  readonly username?: string;
  readonly password?: string;
}

const SCHEME = /^(rediss?)(?:\+(sentinel|cluster))?:\/\//i;
const DEFAULT_PORTS = { sentinel: 26_379, cluster: 6_379 } as const;
const MAX_NODES = 64;

/** Whether a URL is for us, right or wrong. */
export function isRedisUrl(url: string): boolean {
  return SCHEME.test(url);
}

/**
 * Reads `redis://…`, `redis+sentinel://[login@]HOST[:PORT],…/MASTER[/DB]` and `redis+cluster://[login@]HOST[:PORT],…`; with
 * `rediss` everything goes over TLS. The sentinels' own login: `?sentinel_username=…&sentinel_password=…`.
 * @returns undefined for anything else
 */
export function parseRedisUrl(url: string): RedisAddress | undefined {
  const [prefix, scheme, kind] = SCHEME.exec(url) ?? [];
  if (prefix === undefined || scheme === undefined) return undefined;
  const tls = scheme.toLowerCase() === 'rediss';
  if (kind === undefined)
    return URL.canParse(url) && new URL(url).hostname !== '' ? { kind: 'single', url, tls } : undefined;
  const rest = url.slice(prefix.length);
  const form = kind.toLowerCase() as keyof typeof DEFAULT_PORTS;
  const [, login, hosts = '', path = '', query = ''] =
    /^(?:([^@/?#]*)@)?([^/?#@]+)(\/[^?#]*)?(?:\?([^#]*))?$/.exec(rest) ?? [];
  const nodes = parseNodes(hosts, DEFAULT_PORTS[form]);
  const own = parseLogin(login);
  if (nodes === undefined || own === undefined) return undefined;
  if (form === 'cluster') {
    // A cluster has one database.
    return /^(\/0?)?$/.test(path) && query === '' ? { kind: 'cluster', tls, nodes, login: own } : undefined;
  }
  const [, encoded, database = '0'] = /^\/([^/]+)(?:\/(\d{1,4})?)?$/.exec(path) ?? [];
  const master = encoded === undefined ? undefined : decoded(encoded);
  const sentinelLogin = parseSentinelLogin(query);
  if (master === undefined || !/^[A-Za-z0-9._-]{1,200}$/.test(master) || sentinelLogin === undefined) return undefined;
  return { kind: 'sentinel', tls, nodes, master, database: Number(database), login: own, sentinelLogin };
}

function parseNodes(text: string, defaultPort: number): readonly RedisNode[] | undefined {
  const nodes: RedisNode[] = [];
  for (const part of text.split(',')) {
    const [, bracketed, plain, port] = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::(\d{1,5}))?$/i.exec(part) ?? [];
    const host = bracketed ?? plain;
    const number = port === undefined ? defaultPort : Number(port);
    if (host === undefined || number < 1 || number > 65_535) return undefined;
    nodes.push({ host, port: number });
  }
  return nodes.length <= MAX_NODES ? nodes : undefined;
}

function parseLogin(text: string | undefined): RedisLogin | undefined {
  if (text === undefined || text === '') return {};
  const colon = text.indexOf(':');
  const username = decoded(colon === -1 ? text : text.slice(0, colon));
  const password = colon === -1 ? '' : decoded(text.slice(colon + 1));
  if (username === undefined || password === undefined) return undefined;
  return { ...(username !== '' && { username }), ...(password !== '' && { password }) };
}

function parseSentinelLogin(query: string): RedisLogin | undefined {
  const parameters = new URLSearchParams(query);
  const known = new Set(['sentinel_username', 'sentinel_password']);
  if ([...parameters.keys()].some((name) => !known.has(name))) return undefined;
  const username = parameters.get('sentinel_username');
  const password = parameters.get('sentinel_password');
  return { ...(username !== null && { username }), ...(password !== null && { password }) };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
