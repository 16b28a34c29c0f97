export type { ApiKeyChanges, ApiKeyRecord, NewApiKey } from './api-key-record.js';
export { type ApiKeyStore, createApiKeyStore, type KeyChoice } from './api-keys.js';
export { auditEntries, type AuditEntry, type AuditFilter, type AuditPage, deleteAuditBefore } from './audit-entries.js';
export type { AuditLog } from './audit-log.js';
export {
  BATCH_STATUSES,
  type BatchCaller,
  type BatchEnd,
  type BatchError,
  type BatchRecord,
  type BatchStatus,
  type NewBatch,
} from './batch-record.js';
export { type BatchFile, type BatchResult, type BatchStore, createBatchStore } from './batches.js';
export { type Budgets, type BudgetsOptions, createBudgets } from './budgets.js';
export { createCredentialTokens, type CredentialTokenRow, type CredentialTokens } from './credential-tokens.js';
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
export { finishReturn, keptDataFolders } from './embedded-postgres/kept-data.js';
export { type EmbeddedPostgresOptions, startEmbeddedPostgres } from './embedded-postgres/start-embedded-postgres.js';
export {
  createFileStore,
  type FileList,
  type FileRecord,
  type FileStore,
  type FinishedFile,
  type NewFile,
} from './files.js';
export {
  type AskedOfTraining,
  FINE_TUNING_STATUSES,
  type FineTuningCheckpoint,
  type FineTuningEnd,
  type FineTuningEvent,
  type FineTuningFault,
  type FineTuningProgress,
  type FineTuningRecord,
  type FineTuningStatus,
  type FineTuningTrouble,
  type MirroredTraining,
  type NewFineTuning,
  type RegisteredModel,
} from './fine-tuning-record.js';
export { createFineTuningStore, type FineTuningStore } from './fine-tunings.js';
export { followRegisteredModels, listRegisteredModels, type RegisteredModels } from './registered-models.js';
export { migrate } from './migrations/migrate.js';
export { type SchemaStanding, schemaStanding } from './migrations/schema-standing.js';
export type { GetObject, ObjectBody, ObjectStore, PutObject, StoredObject } from './objects/object-store.js';
export { createObjectAccess, type ObjectAccess } from './objects/object-access.js';
export { openObjects } from './objects/open-objects.js';
export { openStorage, type Storage, type StorageEvent, type StorageOptions } from './open-storage.js';
export type { Tables } from './tables.js';
export type { TokenRowListener } from './token-row-listener.js';
export { createUsageLedger, type UsageLedger, type UsageLedgerOptions, type UsageLedgerStats } from './usage-ledger.js';
export { lastSummedHour, oldestUsage, sumUsageDay, sumUsageHour } from './usage-sums.js';
export { deleteUsageBefore, type UsageTotal, type UsageTotalsOptions, usageTotals } from './usage-totals.js';
