export type { RefreshOrder } from './refresh-order.js';
export { type FileTokenStoreOptions, openFileTokenStore } from './stores/open-file-token-store.js';
