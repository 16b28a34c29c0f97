import type { LoadedConfig } from '../load.js';
import { settingEntries } from '../settings/setting-entries.js';
import { formatKey } from '../settings/setting-key.js';
import { secretSourceText } from '../secret-source.js';
import type { SecretSource, StoredCredential } from '../stored-credential.js';

/** The keys of settings that differ, and `credentials.ID` for each entry of auth.json that came, went, moved or changed. */
export function changedKeys(previous: LoadedConfig, next: LoadedConfig): readonly string[] {
  const before = valuesOf(previous);
  const after = valuesOf(next);
  const settings = [...new Set([...before.keys(), ...after.keys()])].filter(
    (key) => before.get(key) !== after.get(key),
  );
  return [...settings, ...changedCredentials(previous.credentials, next.credentials)];
}

function valuesOf({ settings }: LoadedConfig): ReadonlyMap<string, string | undefined> {
  return new Map(settingEntries(settings).map(({ path, value }) => [formatKey(path), JSON.stringify(value)]));
}

function changedCredentials(
  previous: readonly StoredCredential[],
  next: readonly StoredCredential[],
): readonly string[] {
  const ids = new Set([...previous, ...next].map(({ id }) => id));
  return [...ids].filter((id) => !sameCredential(id, previous, next)).map((id) => `credentials.${id}`);
}

function sameCredential(id: string, previous: readonly StoredCredential[], next: readonly StoredCredential[]): boolean {
  const [before, after] = [previous, next].map((list) => list.find((credential) => credential.id === id));
  if (before === undefined || after === undefined) return false;
  return rank(before, previous) === rank(after, next) && sameEntry(before.entry, after.entry);
}

/** The order within a provider is the order of use. */
function rank(credential: StoredCredential, list: readonly StoredCredential[]): number {
  return list.filter(({ provider }) => provider === credential.provider).indexOf(credential);
}

function sameEntry(left: StoredCredential['entry'], right: StoredCredential['entry']): boolean {
  if (left.type === 'api_key') return right.type === 'api_key' && sameSecret(left.key, right.key);
  return (
    right.type === 'oauth' &&
    left.client_id === right.client_id &&
    left.scopes.join(' ') === right.scopes.join(' ') &&
    left.grant === right.grant &&
    left.private_key_id === right.private_key_id &&
    left.account === right.account &&
    sameSecret(left.client_secret, right.client_secret) &&
    sameSecret(left.private_key, right.private_key)
  );
}

/** Compared in the clear, kept nowhere. */
function sameSecret(left: SecretSource | undefined, right: SecretSource | undefined): boolean {
  if (left === undefined || right === undefined) return left === right;
  return secretSourceText(left) === secretSourceText(right);
}
