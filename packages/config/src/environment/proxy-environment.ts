import { MoltbotError, Secret } from '@moltbot/contracts';
import type { Environment } from './environment.js';

/** The system's proxies. The URLs are secrets: they may hold a password. */
export interface ProxyEnvironment {
  /** For `http://` addresses. */
  readonly httpProxy: Secret | undefined;
  /** For `https://` addresses. */
  readonly httpsProxy: Secret | undefined;
  /** Hosts, domains (`.example.com`) and `host:port` that are reached directly; `*` is all of them. */
  readonly noProxy: readonly string[];
}

/** The small spelling is looked at first, as curl does. An empty variable counts as not set. */
const VARIABLES = {
  httpProxy: ['http_proxy', 'HTTP_PROXY'],
  httpsProxy: ['https_proxy', 'HTTPS_PROXY'],
  noProxy: ['no_proxy', 'NO_PROXY'],
} as const;

/** @throws MoltbotError `config_invalid` that names the variable, never its value */
export function readProxyEnvironment(env: Environment): ProxyEnvironment {
  return {
    httpProxy: proxyUrl(env, VARIABLES.httpProxy),
    httpsProxy: proxyUrl(env, VARIABLES.httpsProxy),
    noProxy: (first(env, VARIABLES.noProxy)?.value ?? '').split(/[\s,]+/).filter((host) => host !== ''),
  };
}

/** The same as texts, for whoever opens connections. The URLs may hold a password. */
export function systemProxies({ httpProxy, httpsProxy, noProxy }: ProxyEnvironment): {
  readonly httpProxy: string | undefined;
  readonly httpsProxy: string | undefined;
  readonly noProxy: string;
} {
  return { httpProxy: httpProxy?.reveal(), httpsProxy: httpsProxy?.reveal(), noProxy: noProxy.join(',') };
}

function first(env: Environment, names: readonly string[]): { variable: string; value: string } | undefined {
  const variable = names.find((name) => (env[name] ?? '').trim() !== '');
  return variable === undefined ? undefined : { variable, value: (env[variable] ?? '').trim() };
}

function proxyUrl(env: Environment, names: readonly string[]): Secret | undefined {
  const found = first(env, names);
  if (found === undefined) return undefined;
  // `proxy:3128` is taken by every other program too.
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(found.value) ? found.value : `http://${found.value}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.hostname === '') {
    throw new MoltbotError('config_invalid', `${found.variable}: expected an http:// or https:// URL`);
  }
  return new Secret(url.href);
}
