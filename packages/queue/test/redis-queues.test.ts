import { describeQueues } from './queue-conformance.js';
import { startRedisServer } from './redis-server.js';

describeQueues('Redis', startRedisServer);
