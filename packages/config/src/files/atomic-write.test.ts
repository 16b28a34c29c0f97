import { chmod, lstat, mkdir, readdir, readFile, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { temporaryHome } from '../__fixtures__/temporary-home.js';
import { writeFileAtomically } from './atomic-write.js';
import { withFileLock } from './file-lock.js';

const home = temporaryHome();
const inHome = (name: string) => join(home.paths.home, name);

describe('writeFileAtomically', () => {
  it('makes the folder 0700 and the file 0600', async () => {
    const file = inHome('new/deep/config.yml');
    await writeFileAtomically({ file, text: 'a' });
    expect((await stat(inHome('new'))).mode & 0o777).toBe(0o700);
    expect((await stat(inHome('new/deep'))).mode & 0o777).toBe(0o700);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it('keeps the mode of a file that is there, and leaves nothing beside it', async () => {
    await writeFile(inHome('config.yml'), 'old');
    await chmod(inHome('config.yml'), 0o640);
    await writeFileAtomically({ file: inHome('config.yml'), text: 'new' });
    expect(await readFile(inHome('config.yml'), 'utf8')).toBe('new');
    expect((await stat(inHome('config.yml'))).mode & 0o777).toBe(0o640);
    expect(await readdir(home.paths.home)).toEqual(['config.yml']);
  });

  it('replaces what a link names, not the link', async () => {
    await mkdir(inHome('dotfiles'));
    await writeFile(inHome('dotfiles/config.yml'), 'old');
    await symlink('dotfiles/config.yml', inHome('config.yml'));
    await writeFileAtomically({ file: inHome('config.yml'), text: 'new' });
    expect((await lstat(inHome('config.yml'))).isSymbolicLink()).toBe(true);
    expect(await readFile(inHome('dotfiles/config.yml'), 'utf8')).toBe('new');
  });

  it('never shows a reader half a text', async () => {
    const texts = ['a'.repeat(50_000), 'b'.repeat(100_000)];
    await writeFileAtomically({ file: inHome('x'), text: texts[0] ?? '' });
    const seen: string[] = [];
    for (let round = 1; round <= 20; round += 1) {
      const writing = writeFileAtomically({ file: inHome('x'), text: texts[round % 2] ?? '' });
      const reading = Array.from({ length: 10 }, () => readFile(inHome('x'), 'utf8'));
      seen.push(...(await Promise.all(reading)));
      await writing;
    }
    expect(seen.filter((text) => !texts.includes(text))).toEqual([]);
  });

  it('says in words what the system refused', async () => {
    await writeFile(inHome('file'), '');
    await expect(writeFileAtomically({ file: inHome('file/config.yml'), text: '' })).rejects.toThrow(
      `${inHome('file/config.yml')}: cannot be written: a file stands where the folder should be`,
    );
    await mkdir(inHome('folder'));
    await expect(writeFileAtomically({ file: inHome('folder'), text: '' })).rejects.toThrow('cannot be written');
    expect((await readdir(home.paths.home)).sort()).toEqual(['file', 'folder']);
  });
});

describe('withFileLock', () => {
  it('lets one edit at a time through', async () => {
    let inside = 0;
    const most: number[] = [];
    const edit = () =>
      withFileLock(inHome('x'), async () => {
        inside += 1;
        most.push(inside);
        await new Promise((resolve) => setImmediate(resolve));
        inside -= 1;
      });
    await Promise.all([edit(), edit(), edit(), edit()]);
    expect(most).toEqual([1, 1, 1, 1]);
  });

  it('takes over the lock of a process that was killed, and frees its own after a failure', async () => {
    await writeFile(inHome('.x.lock'), '1');
    const longAgo = new Date(Date.now() - 11_000);
    await utimes(inHome('.x.lock'), longAgo, longAgo);
    await expect(withFileLock(inHome('x'), () => Promise.reject(new Error('failed')))).rejects.toThrow('failed');
    expect(await readdir(home.paths.home)).toEqual([]);
  });

  it('takes over a lock from a time that the clock has left again', async () => {
    await writeFile(inHome('.x.lock'), '1');
    const ahead = new Date(Date.now() + 3_600_000);
    await utimes(inHome('.x.lock'), ahead, ahead);
    await withFileLock(inHome('x'), () => Promise.resolve());
    expect(await readdir(home.paths.home)).toEqual([]);
  });

  it('lets one of many take over, and one at a time through', async () => {
    for (let round = 0; round < 20; round += 1) {
      await writeFile(inHome('.x.lock'), '1');
      const longAgo = new Date(Date.now() - 11_000);
      await utimes(inHome('.x.lock'), longAgo, longAgo);
      let inside = 0;
      let most = 0;
      const edit = () =>
        withFileLock(inHome('x'), async () => {
          inside += 1;
          most = Math.max(most, inside);
          await new Promise((resolve) => setTimeout(resolve, 2));
          inside -= 1;
        });
      await Promise.all(Array.from({ length: 8 }, edit));
      expect(most).toBe(1);
      expect(await readdir(home.paths.home)).toEqual([]);
    }
  });

  it('leaves a lock alone that another took over meanwhile', async () => {
    await withFileLock(inHome('x'), () => writeFile(inHome('.x.lock'), 'another'));
    expect(await readFile(inHome('.x.lock'), 'utf8')).toBe('another');
  });
});
