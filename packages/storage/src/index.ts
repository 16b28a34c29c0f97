export { type ApiKeyRecord, type ApiKeyStore, createApiKeyStore, type NewApiKey } from './api-keys.js';
export {
  type Database,
  type DatabaseConnection,
  type DatabaseOptions,
  databaseUrl,
  openDatabase,
  type Statement,
} from './database.js';
export type {
  EmbeddedConnection,
  EmbeddedPostgres,
  EmbeddedPostgresEvent,
} from './embedded-postgres/embedded-postgres.js';
export { type EmbeddedPostgresStatus, embeddedPostgresStatus } from './embedded-postgres/embedded-postgres-status.js';
export { type EmbeddedPostgresOptions, startEmbeddedPostgres } from './embedded-postgres/start-embedded-postgres.js';
export { migrate } from './migrations/migrate.js';
export { openStorage, type Storage, type StorageEvent, type StorageOptions } from './open-storage.js';
export type { Tables } from './tables.js';
export { createUsageLedger, type UsageLedger, type UsageLedgerOptions, type UsageLedgerStats } from './usage-ledger.js';
export { deleteUsageBefore, type UsageTotal, type UsageTotalsOptions, usageTotals } from './usage-totals.js';
