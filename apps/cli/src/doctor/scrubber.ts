import { type Environment, type LoadedConfig, readProxyEnvironment } from '@moltbot/config';
import { Secret } from '@moltbot/contracts';
import { parseRedisUrl } from '@moltbot/redis';

/** Too short to be told from ordinary words. */
const SHORTEST = 6;

/**
 * Takes every secret that the configuration holds out of a text: nothing of it should be there, and this sees to it.
 * Passwords of addresses count too, and names that stand without a password: those may be tokens. Other names are words of every day.
 */
export function createScrubber(options: { readonly config: LoadedConfig | undefined; readonly env: Environment }) {
  const { config, env } = options;
  const found = new Set<string>();
  const add = (text: string | undefined): void => {
    if (text !== undefined && text.length >= SHORTEST) found.add(text);
  };
  const addLogin = (text: string | undefined): void => {
    const url = URL.parse(text ?? '');
    // Several hosts are more than a URL can have.
    const redis = text === undefined ? undefined : parseRedisUrl(text);
    const logins =
      redis?.kind === 'sentinel' ? [redis.login, redis.sentinelLogin] : redis?.kind === 'cluster' ? [redis.login] : [];
    for (const { username, password } of [...logins, ...(url === null ? [] : [url])]) {
      const part = password === undefined || password === '' ? username : password;
      if (part === undefined || part === '') continue;
      add(part);
      add(decoded(part));
    }
  };
  for (const { entry } of config?.credentials ?? []) {
    const sources = entry.type === 'api_key' ? [entry.key] : [entry.client_secret, entry.private_key];
    for (const source of sources) if (source instanceof Secret) add(source.reveal());
  }
  const settings = config?.settings;
  for (const { proxy, headers, query } of Object.values(settings?.providers ?? {})) {
    addLogin(proxy);
    for (const value of [...Object.values(headers), ...Object.values(query)]) add(value);
  }
  for (const url of [settings?.storage.url, settings?.queue.url, settings?.state.url, settings?.credentials.store]) {
    addLogin(url);
  }
  try {
    const { httpProxy, httpsProxy } = readProxyEnvironment(env);
    for (const proxy of [httpProxy, httpsProxy]) addLogin(proxy?.reveal());
  } catch {
    // What can't be read is not told either.
  }
  for (const name of ['MOLTBOT_SECRET_KEY', 'MOLTBOT_API_KEY']) add(env[name]);
  // The longest first: one may hold another.
  const secrets = [...found].sort((a, b) => b.length - a.length);

  return function scrub<Value>(value: Value): Value {
    if (typeof value === 'string') {
      return secrets.reduce((text, secret) => text.replaceAll(secret, '***'), value as string) as Value;
    }
    if (Array.isArray(value)) return value.map((item: unknown) => scrub(item)) as Value;
    if (typeof value === 'object' && value !== null) {
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, scrub(inner as unknown)])) as Value;
    }
    return value;
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
