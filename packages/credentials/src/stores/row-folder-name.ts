import { createHash } from 'node:crypto';

const MAX_NAME_LENGTH = 200;
const HASHED = /^[^~]*~[0-9a-f]{64}$/;

/**
 * The name of a credential's folder: `c-`, then small letters, digits, `-` and `_` as they are and every other byte as `%xx`.
 * No id leads out of the folder, none is a device of Windows, and no two are the same where case doesn't count.
 */
export function rowFolderName(id: string): string {
  const bytes = Buffer.from(id, 'utf8');
  const name = `c-${[...bytes].map(encodeByte).join('')}`;
  if (name.length <= MAX_NAME_LENGTH) return name;
  return `${name.slice(0, 100)}~${createHash('sha256').update(bytes).digest('hex')}`;
}

/** The id, where the name tells it: `undefined` for one that was too long, `null` for a name that is none of ours. */
export function idOfRowFolder(name: string): string | undefined | null {
  if (!name.startsWith('c-')) return null;
  if (HASHED.test(name)) return undefined;
  const bytes = name
    .slice(2)
    .replace(/%([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  const id = Buffer.from(bytes, 'latin1').toString('utf8');
  return rowFolderName(id) === name ? id : null;
}

function encodeByte(byte: number): string {
  const character = String.fromCharCode(byte);
  return /[a-z0-9_-]/.test(character) ? character : `%${byte.toString(16).padStart(2, '0')}`;
}
