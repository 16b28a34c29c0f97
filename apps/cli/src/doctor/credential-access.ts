import type { SecretResolver } from '@moltbot/auth';
import { MoltbotError, Secret } from '@moltbot/contracts';
import type { SealingKeys } from '@moltbot/credentials';

/** How credentials are opened: what auth.json refers to, and the key that seals tokens. */
export interface CredentialAccess {
  readonly secrets: SecretResolver;
  /** The key where there is one: none is made. @throws MoltbotError `secret_key_unavailable` */
  readonly secretKey: () => Promise<SealingKeys>;
}

export function credentialAccess(): CredentialAccess {
  return {
    secrets: {
      resolve(source) {
        if (source instanceof Secret) return source;
        throw new MoltbotError('credential_missing', 'References to secrets are not resolved here.');
      },
      forget: () => undefined,
    },
    secretKey: () => Promise.reject(new MoltbotError('secret_key_unavailable')),
  };
}
