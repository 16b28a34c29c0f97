import { hasScope } from '@moltbot/contracts';
import type { Storage } from '@moltbot/storage';
import { Failed } from './training-run.js';

/** Nothing is trained in the name of a key that may no more. @throws Failed; MoltbotError `storage_unavailable` */
export async function assertOwner(
  storage: Pick<Storage, 'apiKeys'>,
  owner: string | undefined,
  now: number,
): Promise<void> {
  if (owner?.startsWith('key_') !== true) return;
  const key = await storage.apiKeys.find(owner);
  if (key === undefined || key.revokedAt !== undefined || (key.expiresAt !== undefined && key.expiresAt <= now)) {
    throw new Failed({ code: 'invalid_api_key', message: 'The key that asked for it is revoked or expired.' });
  }
  if (!hasScope(key.scopes, 'jobs')) {
    throw new Failed({ code: 'permission_denied', message: 'The key that asked for it lost the scope `jobs`.' });
  }
}
