import { realpathSync } from 'node:fs';
import { relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The script `moltbot` of a checkout, four folders above this module. */
const WRAPPER = fileURLToPath(new URL('../../../moltbot', import.meta.url));

/**
 * How to call this command from the folder that one stands in: `./moltbot` in a checkout, `moltbot` where it is installed. What
 * we tell people to type next can be pasted as it is.
 */
export function commandName(options: { readonly folder: string; readonly wrapper?: string }): string {
  const wrapper = options.wrapper ?? WRAPPER;
  try {
    const path = relative(realpathSync(options.folder), realpathSync(wrapper));
    if (path.split(sep).includes('node_modules')) return 'moltbot';
    return path.startsWith('..') ? resolve(wrapper) : `.${sep}${path}`;
  } catch {
    return 'moltbot';
  }
}
