export { createMemoryState, type MemoryStateOptions } from './memory.js';
export type { Lease, SharedState, StateRecord } from './shared-state.js';
