import { constants } from 'node:fs';
import { access, chmod, lstat, readdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Check, type CheckContext, finding, type Fix, type Observation } from '../check.js';
import { codeOf } from '../measure/sign-in-endpoints.js';
import { secretKeyFiles } from '../measure/secret-key-files.js';
import { shellQuoted } from '../shell-quoted.js';

export const filesHome: Check = {
  id: 'files.home',
  async run({ paths }) {
    const { home } = paths;
    const evidence = [{ label: 'file' as const, value: home }];
    try {
      await access(await nearestFolder(home), constants.W_OK | constants.X_OK);
      return [{ status: 'ok', evidence }];
    } catch (error) {
      const code = codeOf(error);
      return [
        finding({
          status: 'error',
          code: 'home-not-writable',
          facts: { path: home, code },
          evidence: [...evidence, { label: 'error', value: code }],
        }),
      ];
    }
  },
};

/** The folder itself, or the one in which it would be made. @throws where something else is in the way */
async function nearestFolder(path: string): Promise<string> {
  try {
    const there = await stat(path);
    if (!there.isDirectory()) throw Object.assign(new Error('no folder'), { code: 'ENOTDIR' });
    return path;
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' || dirname(path) === path) throw error;
    return nearestFolder(dirname(path));
  }
}

export const authFileMode: Check = {
  id: 'files.auth-mode',
  run: async (context) => ownerOnly(context, 'auth-file-mode', [context.paths.authFile]),
};

export const secretKeyMode: Check = {
  id: 'files.secret-key-mode',
  run: async (context) => ownerOnly(context, 'secret-key-mode', await secretKeyPaths(context)),
};

/** The key, and the sealed tokens beside it. */
async function secretKeyPaths({ paths }: CheckContext): Promise<readonly string[]> {
  const { keyFile, tokenFolder } = secretKeyFiles(paths);
  const rows = await readdir(tokenFolder).catch(() => []);
  return [keyFile, ...(rows.length > 0 ? [tokenFolder] : [])];
}

/** Files that only their owner may open; those that are not there are as they should be. */
async function ownerOnly(
  { platform }: CheckContext,
  code: 'auth-file-mode' | 'secret-key-mode',
  files: readonly string[],
): Promise<readonly Observation[]> {
  if (platform === 'win32') return [{ status: 'skipped', reason: 'not-on-this-system' }];
  const observed = await Promise.all(files.map(async (file) => modeOf(code, file)));
  const there = observed.flat();
  return there.length > 0 ? there : [{ status: 'skipped', reason: 'not-configured' }];
}

async function modeOf(code: 'auth-file-mode' | 'secret-key-mode', path: string): Promise<readonly Observation[]> {
  const found = await lstat(path)
    .then(async (link) => (link.isSymbolicLink() ? stat(path) : link))
    .catch(() => undefined);
  if (found === undefined) return [];
  const mode = `0${(found.mode & 0o777).toString(8)}`;
  const evidence = [
    { label: 'file' as const, value: path },
    { label: 'mode' as const, value: mode },
  ];
  if ((found.mode & 0o077) === 0) return [{ status: 'ok', subject: path, evidence }];
  const wanted = found.isDirectory() ? 0o700 : 0o600;
  const command = `chmod ${wanted.toString(8)} ${shellQuoted(path)}`;
  const fix: Fix = { file: path, command, apply: async () => chmod(path, wanted) };
  // A key that others can read is not used at all.
  const status = code === 'secret-key-mode' && !found.isDirectory() ? 'error' : 'warning';
  return [finding({ status, subject: path, code, facts: { path, mode }, evidence, command, fix })];
}
