import { execFileSync } from 'node:child_process';
import { constants, mkdtempSync, rmSync } from 'node:fs';
import { mkdir, mkdtemp, open, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { describeTokenStore, type TokenStoreUnderTest } from '../testing/describe-token-store.js';
import { openFileTokenStore } from './open-file-token-store.js';
import { currentGeneration, replace } from './row-folder.js';
import { rowFolderName } from './row-folder-name.js';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'moltbot-tokens-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

describeTokenStore('a folder', async (): Promise<TokenStoreUnderTest> => {
  const folder = await mkdtemp(join(tmpdir(), 'moltbot-tokens-'));
  const directory = join(folder, 'home', 'tokens');
  const aside = join(folder, 'aside');
  let undo = async () => {};
  return {
    place: { kind: 'file', directory },
    async down() {
      await rename(directory, aside);
      await writeFile(directory, 'a file where the folder should be');
      undo = async () => {
        await rm(directory);
        await rename(aside, directory);
      };
    },
    /** The row's file never comes to its end, as on a disk that has gone: a pipe that nobody writes to. */
    async hang(id) {
      const row = join(directory, rowFolderName(id));
      const name = (await readdir(row)).find((name) => name.startsWith('1.') && name.endsWith('.json')) ?? '';
      await rename(join(row, name), join(row, 'aside'));
      execFileSync('/bin/sh', ['-c', 'mkfifo "$0"', join(row, name)]);
      undo = async () => {
        const pipe = join(row, name);
        await rename(pipe, join(row, 'pipe'));
        await rename(join(row, 'aside'), pipe);
        const end = await open(join(row, 'pipe'), constants.O_RDWR | constants.O_NONBLOCK);
        await end.close();
      };
    },
    async up() {
      const action = undo;
      undo = async () => {};
      await action();
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
});

async function filesUnder(folder: string): Promise<readonly string[]> {
  return (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

describe('a folder of tokens', () => {
  it('is for its owner only, with all that is in it, also where it was open before', async () => {
    const directory = join(home, 'tokens');
    await mkdir(directory, { mode: 0o755 });
    const store = openFileTokenStore({ directory });
    await store.compareAndSwap('openai', 0, 'one');
    await store.compareAndSwap('openai', 1, 'two');
    await store.close();
    const modes = new Set<string>();
    for (const name of ['', ...(await readdir(directory, { recursive: true }))]) {
      const { mode } = await stat(join(directory, name));
      modes.add((mode & 0o777).toString(8));
    }
    expect([...modes].sort()).toEqual(['600', '700']);
  });

  it('holds every row under itself, whatever its name', async () => {
    const store = openFileTokenStore({ directory: join(home, 'a', 'tokens') });
    for (const id of ['../../up', '..', '/tmp/x', 'con', 'C:\\x', '.', '.new-1', '~']) {
      await store.compareAndSwap(id, 0, 'x');
    }
    await store.close();
    expect(await readdir(home)).toEqual(['a']);
    expect(await readdir(join(home, 'a'))).toEqual(['tokens']);
    for (const name of await readdir(join(home, 'a', 'tokens'))) expect(name).toMatch(/^c-[a-z0-9_%-]+$/);
  });

  it('holds no more than two generations of a row, also after killed and late writers', async () => {
    const directory = join(home, 'tokens');
    const store = openFileTokenStore({ directory });
    const folder = join(directory, rowFolderName('openai'));
    await store.compareAndSwap('openai', 0, 'one');
    // Killed before it renamed, and long before.
    await writeFile(join(folder, '2.aaaaaaaaaaaaaaaa.json'), '{"half');
    await writeFile(join(folder, '1.bbbbbbbbbbbbbbbb.json'), '');
    await mkdir(join(directory, '.new-cccccccccccccccc'));
    await utimes(join(directory, '.new-cccccccccccccccc'), 0, 0);
    expect(await store.read('openai')).toEqual({ version: 1, value: 'one' });
    expect(await store.compareAndSwap('openai', 1, 'two')).toEqual({ version: 2, value: 'two' });
    expect(await filesUnder(folder)).toEqual([
      expect.stringMatching(/^1\.\w{16}\.json$/),
      expect.stringMatching(/^2\.\w{16}\.json$/),
      expect.stringMatching(/^current\.2\.\w{16}$/),
    ]);
    await store.compareAndSwap('other', 0, 'one');
    expect((await readdir(directory)).filter((name) => name.startsWith('.new-'))).toEqual([]);
    await store.close();
  });

  it('lets a writer that was stopped in the middle change nothing when it goes on', async () => {
    const directory = join(home, 'tokens');
    const store = openFileTokenStore({ directory });
    await store.compareAndSwap('openai', 0, 'one');
    const folder = join(directory, rowFolderName('openai'));
    const seen = (await currentGeneration(folder)) ?? { version: 0, mark: '' };
    for (let version = 1; version < 5; version += 1) await store.compareAndSwap('openai', version, `${version + 1}`);
    const late = { version: 2, mark: 'dddddddddddddddd' };
    const rename = replace({ folder, before: seen, next: late, text: '{"id":"openai","version":2,"value":"late"}' });
    expect(await rename).toBe(false);
    expect(await store.read('openai')).toEqual({ version: 5, value: '5' });
    expect((await filesUnder(folder)).some((name) => name.includes(late.mark))).toBe(false);
    await store.close();
  });

  it('names a row whose files make no sense, and goes on with the others', async () => {
    const directory = join(home, 'tokens');
    const store = openFileTokenStore({ directory });
    await store.compareAndSwap('good', 0, 'one');
    for (const [id, name, text] of [
      ['cut', 'current.1.aaaaaaaaaaaaaaaa', ''],
      ['junk', '1.aaaaaaaaaaaaaaaa.json', '{"version":7}'],
    ] as const) {
      const folder = join(directory, rowFolderName(id));
      await mkdir(folder);
      await writeFile(join(folder, name), text);
      const failed = { code: 'token_store_unavailable', message: expect.stringContaining(folder) };
      await expect(store.read(id)).rejects.toMatchObject(failed);
    }
    expect(await store.read('good')).toEqual({ version: 1, value: 'one' });
    const told = new Promise<void>((resolve) => store.watch((id) => id === 'good' && resolve()));
    await store.compareAndSwap('good', 1, 'two');
    await told;
    await store.close();
  });

  it('keeps the row as it was when the disk is full, and goes on when there is room', async () => {
    const disk = join(home, 'disk');
    await mkdir(disk);
    // Where this user may not mount a small file system (a container, no root) nothing but the refusal is shown here.
    if (!canMount()) {
      process.stderr.write('a full disk was not tried: this user may not mount a file system\n');
      expect(() => mount(disk, '128k')).toThrow();
      return;
    }
    mount(disk, '128k');
    try {
      const store = openFileTokenStore({ directory: join(disk, 'tokens') });
      await store.compareAndSwap('openai', 0, 'x'.repeat(40_000));
      const full = await store.compareAndSwap('openai', 1, 'y'.repeat(200_000)).catch((error: unknown) => error);
      expect(full).toMatchObject({
        code: 'token_store_unavailable',
        message: expect.stringContaining('the disk is full'),
      });
      expect((await store.read('openai'))?.value).toBe('x'.repeat(40_000));
      expect((await filesUnder(disk)).length).toBe(2);
      expect(await store.compareAndSwap('openai', 1, 'z'.repeat(20_000))).toBeDefined();
      await store.close();
    } finally {
      unmount(disk);
    }
  });

  it('that can’t be made is a typed error that names it', async () => {
    await writeFile(join(home, 'file'), '');
    const store = openFileTokenStore({ directory: join(home, 'file', 'tokens') });
    await expect(store.compareAndSwap('openai', 0, 'one')).rejects.toMatchObject({
      code: 'token_store_unavailable',
      message: expect.stringContaining(join(home, 'file')),
    });
    await store.close();
  });
});

/** A file system of a few KB needs root. */
function canMount(): boolean {
  const probe = mkdtempSync(join(tmpdir(), 'moltbot-mount-'));
  try {
    mount(probe, '64k');
    unmount(probe);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(probe, { recursive: true, force: true });
  }
}

function mount(folder: string, size: string): void {
  const command = `mount -t tmpfs -o size=${size},mode=700 moltbot-test "$0"`;
  execFileSync('/bin/sh', ['-c', command, folder], { stdio: 'ignore' });
}

function unmount(folder: string): void {
  execFileSync('/bin/sh', ['-c', 'umount "$0"', folder]);
}
