export type { Lease, SharedState, StateRecord } from './shared-state.js';
