export { createMemoryState, type MemoryStateOptions } from './memory.js';
export { createMemoryQuotas, type MemoryQuotas, type MemoryQuotasOptions } from './memory-quotas.js';
export type { QuotaAnswer, QuotaAsk, QuotaGrant, QuotaLevel, QuotaLevels, QuotaRefusal, Quotas } from './quotas.js';
export { openSharedState, type OpenSharedStateOptions } from './open-shared-state.js';
export { createRedisState, type RedisStateOptions } from './redis.js';
export type { RedisConnectionEvent } from './redis-connection.js';
export type { Lease, SharedState, StateRecord } from './shared-state.js';
export { StateError, type StateErrorCode } from './state-error.js';
