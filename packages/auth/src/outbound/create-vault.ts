import type { StoredCredential } from '@moltbot/config';
import { MoltbotError, Secret } from '@moltbot/contracts';
import type { Credential, CredentialVault } from './vault.js';

export interface VaultOptions {
  /** The list as it is now. A change comes as another array; the same array is taken for unchanged. */
  readonly credentials: () => readonly StoredCredential[];
}

interface View {
  readonly list: readonly StoredCredential[];
  readonly byId: ReadonlyMap<string, StoredCredential>;
  readonly byProvider: ReadonlyMap<string, readonly Credential[]>;
}

const NONE: readonly Credential[] = [];

/** A vault over the entries of auth.json: API keys. OAuth entries are listed, but `tokenFor` says that they can't be used yet. */
export function createVault(options: VaultOptions): CredentialVault {
  let view = toView([]);

  function current(): View {
    const list = options.credentials();
    if (list !== view.list) view = toView(list);
    return view;
  }

  function tokenFor(id: string): Secret {
    const stored = current().byId.get(id);
    if (stored === undefined) {
      throw new MoltbotError('credential_missing', `There is no credential \`${id}\` in auth.json.`);
    }
    if (stored.entry.type === 'oauth') {
      throw new MoltbotError(
        'credential_missing',
        `The credential \`${id}\` is of type \`oauth\`: OAuth sign-in is not available in this version. Use an entry of type \`api_key\`.`,
      );
    }
    if (stored.entry.key instanceof Secret) return stored.entry.key;
    throw new MoltbotError('credential_missing', `The key of \`${id}\` is a reference, which can’t be resolved yet.`);
  }

  return {
    credentialsFor(provider) {
      return current().byProvider.get(provider) ?? NONE;
    },
    tokenFor,
    refreshAfterRejection(id, rejected) {
      const entry = current().byId.get(id)?.entry;
      return Promise.resolve(
        entry?.type === 'api_key' && entry.key instanceof Secret && entry.key.reveal() !== rejected.reveal(),
      );
    },
  };
}

function toView(list: readonly StoredCredential[]): View {
  const byId = new Map<string, StoredCredential>();
  const byProvider = new Map<string, Credential[]>();
  for (const stored of list) {
    if (byId.has(stored.id)) continue;
    byId.set(stored.id, stored);
    const credential: Credential = { id: stored.id, provider: stored.provider, type: stored.entry.type };
    const siblings = byProvider.get(stored.provider);
    if (siblings === undefined) byProvider.set(stored.provider, [credential]);
    else siblings.push(credential);
  }
  return { list, byId, byProvider };
}
