import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MoltbotError } from '@moltbot/contracts';
import { isCode } from '../stores/durable-file.js';
import { writeExclusively } from './exclusive-file.js';

export type SecretKeySource = 'environment' | 'keyring' | 'file';

/** Which key this home folder began with, and where that is; nothing of the key itself. */
export interface KeyMarker {
  readonly source: SecretKeySource;
  readonly keyId: string;
}

const SOURCES: readonly unknown[] = ['environment', 'keyring', 'file'] satisfies SecretKeySource[];
const KEY_ID = /^[0-9a-f]{12}$/;

export function markerFile(home: string): string {
  return join(home, 'secret-key.json');
}

/** @throws MoltbotError `secret_key_unavailable` where it is none, and what `fs` throws */
export async function readMarker(home: string): Promise<KeyMarker | undefined> {
  const file = markerFile(home);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined;
    throw error;
  }
  const marker = parse(text);
  if (marker !== undefined) return marker;
  throw new MoltbotError(
    'secret_key_unavailable',
    `${file} does not say which key the tokens were sealed with: it was changed by hand or by a failing disk. Bring it back, or remove it.`,
  );
}

/** @returns whether it was the first */
export async function writeMarker(home: string, marker: KeyMarker): Promise<boolean> {
  return writeExclusively(markerFile(home), `${JSON.stringify(marker)}\n`);
}

function parse(text: string): KeyMarker | undefined {
  try {
    const value = JSON.parse(text) as { readonly source?: unknown; readonly keyId?: unknown } | null;
    if (!SOURCES.includes(value?.source) || typeof value?.keyId !== 'string' || !KEY_ID.test(value.keyId))
      return undefined;
    return { source: value.source as SecretKeySource, keyId: value.keyId };
  } catch {
    return undefined;
  }
}
