import { writeFileAtomically } from './files/atomic-write.js';
import { loadAuthFile, parseAuthFile } from './auth-file.js';
import type { CredentialEntry } from './auth-file-schema.js';
import { withFileLock } from './files/file-lock.js';
import type { MoltbotPaths } from './environment/paths.js';
import { secretSourceText } from './secret-source.js';
import type { OAuthEntry, StoredCredential } from './stored-credential.js';

const OWNER_ONLY = 0o600;

/**
 * Adds a credential at the end of auth.json, or replaces the one of the same id in its place. The file is 0600 afterwards.
 * @throws ConfigError where the id, the entry or the file as it stands is wrong; then nothing is written
 */
export async function putCredential(options: {
  paths: MoltbotPaths;
  /** `provider` or `provider:account` */
  id: string;
  entry: CredentialEntry;
}): Promise<void> {
  await editAuthFile(options.paths, (entries) => new Map([...entries, [options.id, options.entry]]));
}

/** What of an OAuth entry a person says at a sign-in. */
export interface OAuthClientChoice {
  readonly clientId?: string | undefined;
  readonly scopes?: readonly string[] | undefined;
  readonly grant?: OAuthEntry['grant'];
}

/**
 * An OAuth entry with another client, other scopes or another grant; `before` gives the rest. Nothing of another client is kept:
 * its secret proves nothing for the new one.
 * @returns `undefined` where neither says which client
 */
export function chooseOAuthClient(
  before: StoredCredential['entry'] | undefined,
  choice: OAuthClientChoice,
): OAuthEntry | undefined {
  const old = before?.type === 'oauth' ? before : undefined;
  const client_id = choice.clientId ?? old?.client_id;
  if (client_id === undefined) return undefined;
  const kept = old?.client_id === client_id ? old : undefined;
  const grant = choice.grant ?? old?.grant;
  return {
    ...kept,
    type: 'oauth',
    client_id,
    scopes: [...new Set(choice.scopes ?? old?.scopes)],
    ...(grant === undefined ? {} : { grant }),
  };
}

/** As `putCredential`, for an entry as it was read. */
export async function putOAuthEntry(options: { paths: MoltbotPaths; id: string; entry: OAuthEntry }): Promise<void> {
  const { paths, id, entry } = options;
  await putCredential({ paths, id, entry: inTheClear(entry) });
}

/** @returns whether there was one of that id @throws ConfigError where the file as it stands is wrong */
export async function removeCredential(options: { paths: MoltbotPaths; id: string }): Promise<boolean> {
  let found = false;
  await editAuthFile(options.paths, (entries) => {
    found = entries.has(options.id);
    return new Map([...entries].filter(([id]) => id !== options.id));
  });
  return found;
}

type Entries = ReadonlyMap<string, CredentialEntry>;

async function editAuthFile(paths: MoltbotPaths, edit: (entries: Entries) => Entries): Promise<void> {
  const file = paths.authFile;
  await withFileLock(file, async () => {
    const { credentials } = await loadAuthFile({ file });
    const entries = edit(new Map(credentials.map(({ id, entry }) => [id, inTheClear(entry)])));
    const text = `${JSON.stringify(Object.fromEntries(entries), undefined, 2)}\n`;
    parseAuthFile({ text, file });
    await writeFileAtomically({ file, text, mode: OWNER_ONLY });
  });
}

function inTheClear(entry: StoredCredential['entry']): CredentialEntry {
  if (entry.type === 'api_key') return { type: 'api_key', key: secretSourceText(entry.key) };
  const { client_secret, private_key, ...open } = entry;
  return {
    ...open,
    scopes: [...open.scopes],
    ...(client_secret === undefined ? {} : { client_secret: secretSourceText(client_secret) }),
    ...(private_key === undefined ? {} : { private_key: secretSourceText(private_key) }),
  };
}
