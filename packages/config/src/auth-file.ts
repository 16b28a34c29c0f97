import { z } from 'zod';
import { authFileSchema, type CredentialEntry, credentialSchema } from './auth-file-schema.js';
import { ConfigError } from './problems/config-problem.js';
import { explainIssues } from './problems/explain-issues.js';
import { readSmallFile } from './files/read-file.js';
import { readJson } from './files/read-json.js';
import { shapeOf, type SettingShape } from './settings/setting-shape.js';
import { valueAt } from './files/source-tree.js';
import { toSecretSource } from './secret-source.js';
import type { StoredCredential } from './stored-credential.js';

export interface ConfigWarning {
  readonly kind: 'unknown_provider' | 'unknown_variable' | 'auth_file_mode' | 'secret_file_mode' | 'model_name';
  /** One line; safe to show. */
  readonly message: string;
  /** What mends it, ready to be run in a POSIX shell. */
  readonly command?: string;
}

export interface LoadedCredentials {
  readonly credentials: readonly StoredCredential[];
  readonly warnings: readonly ConfigWarning[];
}

/** auth.json in its order; none where there is no file. @throws ConfigError with every problem of the file */
export async function loadAuthFile(options: { file: string; platform?: NodeJS.Platform }): Promise<LoadedCredentials> {
  const { file, platform = process.platform } = options;
  const read = await readSmallFile(file);
  if (read === undefined) return { credentials: [], warnings: [] };
  if ('kind' in read) throw new ConfigError([read]);
  const credentials = parseAuthFile({ text: read.text, file });
  return { credentials, warnings: platform === 'win32' ? [] : modeWarnings(file, read.mode) };
}

/** The text of an auth.json. An empty text is one without credentials. @throws ConfigError */
export function parseAuthFile({ text, file }: { text: string; file: string }): readonly StoredCredential[] {
  if (text.trim() === '') return [];
  const tree = readJson({ text, file });
  if (!('value' in tree)) throw new ConfigError(tree);
  const parsed = authFileSchema.safeParse(tree.value);
  if (!parsed.success) {
    throw new ConfigError(
      explainIssues({
        issues: parsed.error.issues,
        value: tree.value,
        shape: shapeOfAuthFile(tree.value),
        mapping: 'an object in { }',
        originAt: (path) => ({ kind: 'file', file, line: tree.lineOf(path) }),
      }),
    );
  }
  return Object.entries(parsed.data).map(([id, entry]) => toStoredCredential(id, entry));
}

function toStoredCredential(id: string, entry: CredentialEntry): StoredCredential {
  const provider = id.split(':', 1)[0] ?? id;
  if (entry.type === 'api_key') return { id, provider, entry: { type: 'api_key', key: toSecretSource(entry.key) } };
  const { client_secret, private_key, ...open } = entry;
  return {
    id,
    provider,
    entry: {
      ...open,
      ...(client_secret === undefined ? {} : { client_secret: toSecretSource(client_secret) }),
      ...(private_key === undefined ? {} : { private_key: toSecretSource(private_key) }),
    },
  };
}

/** Each entry has the shape of its own type; an entry without a known type may hold the fields of any. */
function shapeOfAuthFile(value: unknown): SettingShape {
  const shapes = credentialSchema.options.map((option) => ({ type: option.shape.type.value, shape: shapeOf(option) }));
  const anyFields = new Map(shapes.flatMap(({ shape }) => (shape.node === 'object' ? [...shape.fields] : [])));
  const types = shapes.map(({ type }) => type);
  const type = shapeOf(z.enum(types).describe('Which kind of credential it is.'));
  const any: SettingShape = { node: 'object', description: '', fields: anyFields.set('type', type), optional: false };
  const names = typeof value === 'object' && value !== null ? Object.keys(value) : [];
  const fields = names.map((name) => {
    const type = valueAt(value, [name, 'type']);
    return [name, shapes.find((shape) => shape.type === type)?.shape ?? any] as const;
  });
  return { node: 'object', description: '', fields: new Map(fields), optional: false };
}

function modeWarnings(file: string, mode: number): readonly ConfigWarning[] {
  if ((mode & 0o077) === 0) return [];
  const shown = `0${(mode & 0o777).toString(8)}`;
  const command = `chmod 600 ${shellQuoted(file)}`;
  const message = `${file} has mode ${shown}: other users of this machine can get at its keys; run ${command}`;
  return [{ kind: 'auth_file_mode', message, command }];
}

function shellQuoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
