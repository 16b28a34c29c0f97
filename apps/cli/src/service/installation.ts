import { existsSync, realpathSync } from 'node:fs';
import { basename, dirname, join, sep } from 'node:path';

/** How this program came here, and how a service calls it. */
export type Installation =
  /** By install.sh: `<prefix>/app/versions/<version>/node_modules/<package>/lib/moltbot.js`, `current` naming one version. */
  | {
      readonly kind: 'prefix';
      readonly prefix: string;
      readonly command: readonly [string, ...string[]];
      /** The script that came with this version. */
      readonly installer: string;
    }
  /** By npm, pnpm or bun. */
  | { readonly kind: 'package'; readonly command: readonly [string, ...string[]] }
  | { readonly kind: 'checkout'; readonly command: readonly [string, ...string[]] };

/** @param options.entry the script that Node was started with, as `process.argv[1]` names it; absolute */
export function installationOf(options: { readonly entry: string; readonly node: string }): Installation {
  const { entry, node } = options;
  const real = existsSync(entry) ? realpathSync(entry) : entry;
  const packageFolder = dirname(dirname(real));
  if (!existsSync(join(packageFolder, 'release.json'))) return { kind: 'checkout', command: [node, real] };
  const versions = packageFolder.split(`${sep}node_modules${sep}`)[0];
  const folder = versions === undefined ? '' : dirname(versions);
  if (basename(folder) === 'versions' && basename(dirname(folder)) === 'app') {
    const prefix = dirname(dirname(folder));
    const wrapper = join(prefix, 'bin', 'moltbot');
    if (existsSync(wrapper)) {
      return { kind: 'prefix', prefix, command: [wrapper], installer: join(packageFolder, 'install.sh') };
    }
  }
  // Not resolved: a package manager may keep versions apart behind the name that it gave us.
  return { kind: 'package', command: [node, entry] };
}
