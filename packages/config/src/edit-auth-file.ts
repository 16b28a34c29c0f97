import { writeFileAtomically } from './files/atomic-write.js';
import { loadAuthFile, parseAuthFile } from './auth-file.js';
import type { CredentialEntry } from './auth-file-schema.js';
import { withFileLock } from './files/file-lock.js';
import type { MoltbotPaths } from './environment/paths.js';
import { secretSourceText } from './secret-source.js';
import type { StoredCredential } from './stored-credential.js';

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
    const entries = edit(new Map(credentials.map((credential) => [credential.id, inTheClear(credential)])));
    const text = `${JSON.stringify(Object.fromEntries(entries), undefined, 2)}\n`;
    parseAuthFile({ text, file });
    await writeFileAtomically({ file, text, mode: OWNER_ONLY });
  });
}

function inTheClear({ entry }: StoredCredential): CredentialEntry {
  if (entry.type === 'api_key') return { type: 'api_key', key: secretSourceText(entry.key) };
  const { client_secret, private_key, ...open } = entry;
  return {
    ...open,
    scopes: [...open.scopes],
    ...(client_secret === undefined ? {} : { client_secret: secretSourceText(client_secret) }),
    ...(private_key === undefined ? {} : { private_key: secretSourceText(private_key) }),
  };
}
