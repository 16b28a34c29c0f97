import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { platformBinaries, type PlatformBinaries } from './platform-binaries.js';
import { reachableBinaries } from './reachable-binaries.js';
import { serverDirectories } from './server-directories.js';

describe('the programs of this platform', () => {
  it('are found in the package that was installed for it', () => {
    const { directory, version } = platformBinaries();
    const exe = process.platform === 'win32' ? '.exe' : '';
    expect(existsSync(join(directory, 'bin', `postgres${exe}`))).toBe(true);
    expect(version).toMatch(new RegExp(`^18\\..*-${process.platform}-${process.arch}$`));
  });

  it.each([
    ['no package', { platform: 'sunos', arch: 'sparc' }, /no embedded database for sunos-sparc.*storage\.url/],
    ['another platform’s package', { platform: 'win32', arch: 'x64' }, /not installed.*windows-x64.*storage\.url/],
  ])('are missing where there is %s, and the message says what to do', (_name, options, message) => {
    const unavailable = expect.objectContaining({
      code: 'storage_unavailable',
      message: expect.stringMatching(message),
    });
    if (process.platform === options.platform) return;
    expect(() => platformBinaries(options)).toThrow(unavailable);
  });
});

describe('programs that the server’s user can run', () => {
  let root: string;
  let binaries: PlatformBinaries;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'moltbot-binaries-'));
    const directory = join(root, 'package/native');
    for (const folder of ['bin', 'lib']) mkdirSync(join(directory, folder), { recursive: true });
    writeFileSync(join(directory, 'bin/postgres'), '#!', { mode: 0o755 });
    writeFileSync(join(directory, 'lib/libpq.so.5.18'), 'library');
    writeFileSync(join(directory, 'lib/libpq.a'), 'archive');
    binaries = { directory, version: '18.4-test', links: [{ link: 'lib/libpq.so.5', target: 'lib/libpq.so.5.18' }] };
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it('are a copy with the links between libraries, where the package’s install script did not run', async () => {
    const directories = serverDirectories(join(root, 'server'));
    mkdirSync(directories.server);
    const [first, second] = await Promise.all([
      reachableBinaries({ binaries, directories, user: undefined }),
      reachableBinaries({ binaries, directories, user: undefined }),
    ]);
    expect(first).toBe(join(root, 'server/postgresql-18.4-test'));
    expect(second).toBe(first);
    expect(readlinkSync(join(first, 'lib/libpq.so.5'))).toBe('libpq.so.5.18');
    expect(readFileSync(join(first, 'lib/libpq.so.5'), 'utf8')).toBe('library');
    expect(statSync(join(first, 'bin/postgres')).mode & 0o111).toBe(0o111);
    expect(existsSync(join(first, 'lib/libpq.a'))).toBe(false);
  });

  it('are the package’s own, where nothing is in the way', async () => {
    const whole = { ...binaries, links: [] };
    const directories = serverDirectories(join(root, 'server'));
    expect(await reachableBinaries({ binaries: whole, directories, user: undefined })).toBe(binaries.directory);
  });

  it('are a copy outside of a closed home, and only in a folder that nobody else can write', async () => {
    // mkdtemp made `root` with mode 0700.
    const user = { uid: 54_321, gid: 54_321 };
    const systemDirectory = mkdtempSync(join(tmpdir(), 'moltbot-system-'));
    const directories = serverDirectories(join(root, 'server'));
    const copies: string[] = [];
    try {
      for (const mode of [0o755, 0o777, 0o700]) {
        rmSync(systemDirectory, { recursive: true });
        mkdirSync(systemDirectory);
        chmodSync(systemDirectory, mode);
        copies.push(await reachableBinaries({ binaries, directories, user, systemDirectory }));
      }
      expect(copies.map((copy) => copy.startsWith(systemDirectory))).toEqual([true, false, false]);
    } finally {
      for (const copy of copies) rmSync(join(copy, '..'), { recursive: true, force: true });
      rmSync(systemDirectory, { recursive: true, force: true });
    }
  });
});
