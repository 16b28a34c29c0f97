export {
  connectRedis,
  type ConnectRedisOptions,
  isCluster,
  type RedisClient,
  type RedisClientOptions,
  type RedisLibrary,
} from './connect-redis.js';
export { onReplica } from './on-replica.js';
export { probeRedis, type RedisProbe } from './probe-redis.js';
export { isRedisUrl, parseRedisUrl, type RedisAddress } from './redis-address.js';
