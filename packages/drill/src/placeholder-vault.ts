import type { Credential, CredentialVault } from '@moltbot/auth';
import { MoltbotError, Secret } from '@moltbot/contracts';

export interface PlaceholderVaultOptions {
  /** The operator's, in their order: names and types, no secrets. */
  readonly credentials: readonly Credential[];
  /** Have expired and can't be renewed. */
  readonly expired?: ReadonlySet<string> | undefined;
}

const PREFIX = 'drill-placeholder-';
const RENEWED = '-renewed';

/** As many credentials as the operator has, in the same order, with tokens that open nothing. */
export function createPlaceholderVault({ credentials, expired }: PlaceholderVaultOptions): CredentialVault {
  const renewed = new Set<string>();
  return {
    credentialsFor: (provider) => credentials.filter((credential) => credential.provider === provider),
    tokenFor: (id) => {
      if (expired?.has(id) === true) {
        throw new MoltbotError('credential_expired', `The token of ${id} has expired and was not renewed`);
      }
      const index = credentials.findIndex((credential) => credential.id === id);
      return new Secret(`${PREFIX}${index}${renewed.has(id) ? RENEWED : ''}`);
    },
    refreshAfterRejection: async (id) => {
      const renews = credentials.some((credential) => credential.id === id && credential.type === 'oauth');
      if (renews) renewed.add(id);
      return renews;
    },
  };
}

/** What the upstream was sent: which of the operator's credentials it stands for, and whether it was renewed. */
export interface Presented {
  readonly index: number;
  readonly renewed: boolean;
}

export function readPlaceholder(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): Presented | undefined {
  for (const name of ['authorization', 'x-api-key', 'api-key', 'x-goog-api-key']) {
    const value = headers[name];
    const found = typeof value === 'string' ? /drill-placeholder-(\d+)(-renewed)?$/.exec(value) : null;
    if (found !== null) return { index: Number(found[1]), renewed: found[2] !== undefined };
  }
  return undefined;
}
