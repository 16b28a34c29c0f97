import { join } from 'node:path';
import type { MoltbotPaths } from '@moltbot/config';

/** Where the key that seals tokens is, where it is a file, and the tokens where they are files. */
export function secretKeyFiles({ home }: MoltbotPaths): { readonly keyFile: string; readonly tokenFolder: string } {
  return { keyFile: join(home, 'secret.key'), tokenFolder: join(home, 'tokens') };
}
