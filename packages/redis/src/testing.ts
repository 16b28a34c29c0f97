export { type RedisFleet, startRedisCluster, startSentinels } from './testing/redis-fleet.js';
