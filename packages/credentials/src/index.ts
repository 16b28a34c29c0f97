export type { RefreshOrder } from './refresh-order.js';
