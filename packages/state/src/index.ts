export { createMemoryState, type MemoryStateOptions } from './memory.js';
export { createMemoryQuotas, type MemoryQuotas, type MemoryQuotasOptions } from './memory-quotas.js';
export type { QuotaAnswer, QuotaAsk, QuotaGrant, QuotaLevel, QuotaLevels, QuotaRefusal, Quotas } from './quotas.js';
export type { Lease, SharedState, StateRecord } from './shared-state.js';
