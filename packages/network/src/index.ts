export type { Network, NetworkOptions } from './network.js';
