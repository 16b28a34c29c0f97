import type { KeyLimits } from '@moltbot/config';
import { hasScope, MoltbotError } from '@moltbot/contracts';
import type { JobCaller } from '@moltbot/queue';
import type { Storage } from '@moltbot/storage';

/** For whom requests are sent, and what they are allowed now. */
export interface BatchOwner {
  /** `undefined` where access is open. */
  readonly keyId: string | undefined;
  readonly models: readonly string[] | undefined;
  readonly limits: KeyLimits | undefined;
}

const LOOK_EVERY_MS = 5_000;

/**
 * A key as it is now, looked up every few seconds; of a person with a token, what the token said when the batch was made.
 * @returns throws MoltbotError `invalid_api_key` where the key is revoked or expired, `permission_denied` where it lost its scope
 */
export function batchOwner(options: {
  readonly batch: { readonly owner: string | undefined; readonly caller: JobCaller | undefined };
  readonly storage: Pick<Storage, 'apiKeys'>;
  readonly now: () => number;
}): () => Promise<BatchOwner> {
  const { batch, storage, now } = options;
  const { owner: keyId, caller } = batch;
  if (keyId?.startsWith('key_') !== true) {
    const fixed = Promise.resolve({ keyId, models: caller?.models, limits: caller?.limits });
    return () => fixed;
  }
  let found: Promise<BatchOwner> | undefined;
  let foundAt = 0;
  return () => {
    if (found === undefined || now() - foundAt > LOOK_EVERY_MS) {
      foundAt = now();
      found = lookUp(storage, keyId, now());
      found.catch(() => {
        found = undefined;
      });
    }
    return found;
  };
}

async function lookUp(storage: Pick<Storage, 'apiKeys'>, keyId: string, now: number): Promise<BatchOwner> {
  const key = await storage.apiKeys.find(keyId);
  if (key === undefined || key.revokedAt !== undefined || (key.expiresAt !== undefined && key.expiresAt <= now)) {
    throw new MoltbotError('invalid_api_key', 'The key that asked for it is revoked or expired.');
  }
  if (!hasScope(key.scopes, 'jobs')) {
    throw new MoltbotError('permission_denied', 'The key that asked for it lost the scope `jobs`.');
  }
  return { keyId, models: key.models, limits: key.limits };
}
