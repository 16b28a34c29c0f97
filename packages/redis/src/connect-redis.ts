import type { Cluster, ClusterOptions, Redis, RedisOptions } from 'ioredis';
import { parseRedisUrl, type RedisAddress } from './redis-address.js';

/** The library itself: 30 MB that only those pay who load it. */
export interface RedisLibrary {
  readonly Redis: typeof Redis;
  readonly Cluster: typeof Cluster;
}

export type RedisClient = Redis | Cluster;

/** Of the client; what an address says of itself is not among them. */
export type RedisClientOptions = Pick<
  RedisOptions,
  | 'autoResendUnfulfilledCommands'
  | 'commandTimeout'
  | 'connectTimeout'
  | 'connectionName'
  | 'disconnectTimeout'
  | 'enableOfflineQueue'
  | 'lazyConnect'
  | 'maxRetriesPerRequest'
  | 'reconnectOnError'
> & {
  /** How long to wait before the connection is tried once more. */
  readonly retryStrategy: (times: number) => number;
};

export interface ConnectRedisOptions {
  readonly library: RedisLibrary;
  /** As `parseRedisUrl` reads it. */
  readonly url: string;
  readonly options: RedisClientOptions;
  /** Told of the client, and of every copy that whoever uses it makes. */
  readonly onOpen?: ((client: RedisClient) => void) | undefined;
}

/** How soon a client of a cluster hears that another node has taken over. */
const SLOTS_REFRESH_MS = 2_000;
const SLOTS_TIMEOUT_MS = 2_000;
const RESEND_MS = 100;
const LONGEST_SENTINEL_WAIT_MS = 1_000;

/** A client for any form of address: the one place where clients are made. @throws Error for an address that is none */
export function connectRedis({ library, url, options, onOpen }: ConnectRedisOptions): RedisClient {
  const address = parseRedisUrl(url);
  if (address === undefined) throw new Error('expected a redis://, redis+sentinel:// or redis+cluster:// URL');
  if (address.kind !== 'sentinel') {
    const client = create(library, address, options);
    if (onOpen !== undefined) follow(client, onOpen);
    return client;
  }
  const search = startSearch();
  const client = new library.Redis({
    ...options,
    ...sentinelOptions(address),
    ...search.options,
    replyMapping: 'legacy',
  });
  search.endWith(client);
  if (onOpen !== undefined) follow(client, onOpen);
  return client;
}

/** Whether a URL leads to a cluster: there all keys that one command touches have to be in one slot (`{tag}`). */
export function isCluster(client: RedisClient): client is Cluster {
  return client.isCluster;
}

function create(
  library: RedisLibrary,
  address: Exclude<RedisAddress, { kind: 'sentinel' }>,
  options: RedisClientOptions,
): RedisClient {
  switch (address.kind) {
    case 'single':
      return new library.Redis(address.url, { ...options, replyMapping: 'legacy' });
    case 'cluster':
      return new library.Cluster([...address.nodes], clusterOptions(address, options));
  }
}

function sentinelOptions(address: Extract<RedisAddress, { kind: 'sentinel' }>): RedisOptions {
  const { nodes, master, database, login, sentinelLogin, tls } = address;
  return {
    sentinels: [...nodes],
    name: master,
    db: database,
    ...login,
    ...(sentinelLogin.username !== undefined && { sentinelUsername: sentinelLogin.username }),
    ...(sentinelLogin.password !== undefined && { sentinelPassword: sentinelLogin.password }),
    ...(tls && { tls: {}, sentinelTLS: {}, enableTLSForSentinelMode: true }),
    // Not `failoverDetector`: a disconnect while it connects ends this library's client for good. A replaced primary says READONLY.
  };
}

function clusterOptions(
  { login, tls }: Extract<RedisAddress, { kind: 'cluster' }>,
  options: RedisClientOptions,
): ClusterOptions {
  const { retryStrategy, enableOfflineQueue, lazyConnect, ...redisOptions } = options;
  // A command that may have been carried out is sent again only for those who can bear it.
  const resendMs = options.autoResendUnfulfilledCommands === false ? 0 : RESEND_MS;
  return {
    clusterRetryStrategy: retryStrategy,
    ...(enableOfflineQueue !== undefined && { enableOfflineQueue }),
    ...(lazyConnect !== undefined && { lazyConnect }),
    retryDelayOnFailover: resendMs,
    retryDelayOnClusterDown: resendMs,
    retryDelayOnTryAgain: resendMs,
    slotsRefreshInterval: SLOTS_REFRESH_MS,
    slotsRefreshTimeout: SLOTS_TIMEOUT_MS,
    // Certificates are made out to names.
    ...(tls && { dnsLookup: (host, callback) => callback(null, host) }),
    redisOptions: { ...redisOptions, ...login, ...(tls && { tls: {} }), replyMapping: 'legacy' },
  };
}

/** The library looks for a sentinel for ever, also after the client was closed, unless its strategy says no more. */
function startSearch() {
  let over = false;
  return {
    options: {
      sentinelRetryStrategy: (times: number) => (over ? null : Math.min(times * 50, LONGEST_SENTINEL_WAIT_MS)),
    },
    endWith(client: Redis): void {
      const disconnect = client.disconnect.bind(client);
      replace(client, 'disconnect', (reconnect = false) => {
        over = reconnect !== true;
        disconnect(reconnect === true);
      });
      const duplicate: (override: RedisOptions) => Redis = client.duplicate.bind(client);
      replace(client, 'duplicate', (override) => {
        const search = startSearch();
        const copy = duplicate({ ...(override as RedisOptions | undefined), ...search.options });
        search.endWith(copy);
        return copy;
      });
    },
  };
}

/** Libraries above make copies for reads that wait, and keep them to themselves. */
function follow(client: RedisClient, onOpen: (client: RedisClient) => void): void {
  onOpen(client);
  const duplicate = client.duplicate.bind(client) as (...values: unknown[]) => RedisClient;
  replace(client, 'duplicate', (...values) => {
    const copy = duplicate(...values);
    follow(copy, onOpen);
    return copy;
  });
}

function replace(client: RedisClient, method: 'disconnect' | 'duplicate', by: (...values: unknown[]) => unknown): void {
  // BullMQ wraps clients in proxies: those insist on what can't be configured.
  Object.defineProperty(client, method, { configurable: true, writable: true, value: by });
}
