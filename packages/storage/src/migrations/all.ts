import type { Migration } from 'kysely/migration';
import { apiKeys } from './2026-11-22-api-keys.js';
import { auditLog } from './2026-11-22-audit-log.js';
import { keyPermissions } from './2026-11-22-key-permissions.js';
import { budgets } from './2026-11-22-budgets.js';
import { credentialTokens } from './2026-11-22-credential-tokens.js';
import { filesAndBatches } from './2026-11-22-files-and-batches.js';
import { fineTuning } from './2026-11-22-fine-tuning.js';
import { usageLedger } from './2026-11-22-usage-ledger.js';
import { usageSums } from './2026-11-22-usage-sums.js';

/** Every migration, by a name that sorts in the order of time and is never changed or used again. */
export const MIGRATIONS: Readonly<Record<string, Migration>> = {
  '2026-11-22-1-api-keys': apiKeys,
  '2026-11-22-2-usage-ledger': usageLedger,
  '2026-11-22-3-credential-tokens': credentialTokens,
  '2026-11-22-5-key-permissions': keyPermissions,
  '2026-11-22-6-audit-log': auditLog,
  '2026-11-22-7-budgets': budgets,
  '2026-11-22-8-files-and-batches': filesAndBatches,
  '2026-11-22-9-usage-sums': usageSums,
  '2026-11-22-a-fine-tuning': fineTuning,
};
