import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RotatingFile, type RotatingFileOptions } from './rotating-file.js';

let folder: string;
let dropped: { count: number; reason: string }[];
let errors: Error[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'moltbot-log-'));
  dropped = [];
  errors = [];
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

function openFile(options: Partial<RotatingFileOptions> = {}): RotatingFile {
  return new RotatingFile({
    path: join(folder, 'moltbot.log'),
    maxSize: 1_000_000,
    maxFiles: 3,
    onDrop: (count, reason) => dropped.push({ count, reason }),
    onError: (error) => errors.push(error),
    ...options,
  });
}

/** Sets when a file was last written. */
const stamp = async (name: string, time: number): Promise<void> =>
  utimes(join(folder, name), new Date(time), new Date(time));

const read = async (name: string): Promise<string> => readFile(join(folder, name), 'utf8');

describe('a rotating log file', () => {
  it('makes its folder and writes lines in order', async () => {
    const file = openFile({ path: join(folder, 'a', 'b', 'moltbot.log') });
    for (let index = 0; index < 1_000; index += 1) file.write(`line ${index}\n`);
    await file.close();
    const lines = (await read('a/b/moltbot.log')).trimEnd().split('\n');
    expect(lines).toEqual(Array.from({ length: 1_000 }, (_, index) => `line ${index}`));
    expect(dropped).toEqual([]);
  });

  it('is rotated at its size and keeps as many old files as allowed, the newest as .1', async () => {
    const file = openFile({ maxSize: 100, maxFiles: 2 });
    for (let index = 0; index < 6; index += 1) {
      file.write(`${index}${'x'.repeat(78)}\n`);
      await file.flush();
    }
    await file.close();
    expect((await readdir(folder)).sort()).toEqual(['moltbot.log', 'moltbot.log.1', 'moltbot.log.2']);
    const first = await Promise.all(
      ['moltbot.log', 'moltbot.log.1', 'moltbot.log.2'].map(async (name) => (await read(name))[0]),
    );
    expect(first).toEqual(['5', '4', '3']);
  });

  it('is rotated when an hour or a day has begun since its first line, also by the next process', async () => {
    const DAY = 86_400_000;
    let date = Date.UTC(2026, 0, 1, 23, 59, 59);
    const open = () => openFile({ rotate: 'daily', date: () => date });
    const file = open();
    file.write('first day\n');
    await file.flush();
    await stamp('moltbot.log', date);
    date += 2_000;
    file.write('second day\n');
    await file.flush();
    file.write('still the second\n');
    await file.close();
    await stamp('moltbot.log', date);
    expect(await read('moltbot.log.1')).toBe('first day\n');
    expect(await read('moltbot.log')).toBe('second day\nstill the second\n');

    date += DAY;
    const next = open();
    next.write('third day\n');
    await next.close();
    expect(await read('moltbot.log')).toBe('third day\n');
    expect(await read('moltbot.log.2')).toBe('first day\n');

    const hourly = openFile({ path: join(folder, 'hourly.log'), rotate: 'hourly', date: () => date });
    for (let index = 0; index < 3; index += 1) {
      hourly.write(`hour ${index}\n`);
      await hourly.flush();
      date += 3_600_000;
    }
    await hourly.close();
    expect((await readdir(folder)).filter((name) => name.startsWith('hourly')).sort()).toEqual([
      'hourly.log',
      'hourly.log.1',
      'hourly.log.2',
    ]);
  });

  it('deletes rotated files that are too old when it is rotated, and nothing else', async () => {
    let date = Date.UTC(2026, 0, 10);
    for (const name of ['moltbot.log.1', 'moltbot.log.2', 'moltbot.log.gz', 'other.log.3']) {
      await writeFile(join(folder, name), 'old\n');
      await stamp(name, date - (name === 'moltbot.log.1' ? 1_000 : 900_000));
    }
    const file = openFile({ rotate: 'hourly', maxAge: 600_000, maxFiles: 9, date: () => date });
    file.write('one\n');
    await file.flush();
    await stamp('moltbot.log', date);
    date += 300_000;
    const later = openFile({ maxSize: 5, maxAge: 600_000, maxFiles: 9, date: () => date });
    later.write('two two\n');
    await later.flush();
    await Promise.all([file.close(), later.close()]);
    expect((await readdir(folder)).sort()).toEqual([
      'moltbot.log',
      'moltbot.log.1',
      'moltbot.log.2',
      'moltbot.log.gz',
      'other.log.3',
    ]);
    expect(await read('moltbot.log.1')).toBe('one\n');
  });

  it('lets two writers rotate at midnight without losing a line', async () => {
    let date = Date.now();
    const open = () => openFile({ rotate: 'hourly', maxFiles: 50, date: () => date });
    const [one, two] = [open(), open()];
    for (let hour = 0; hour < 5; hour += 1) {
      for (let index = 0; index < 50; index += 1) {
        one.write(`one ${hour} ${index}\n`);
        two.write(`two ${hour} ${index}\n`);
        if (index % 10 === 0) await Promise.all([one.flush(), two.flush()]);
      }
      date += 3_600_000;
    }
    await Promise.all([one.close(), two.close()]);
    const lines = (await Promise.all((await readdir(folder)).map(read))).join('').trimEnd().split('\n');
    expect(new Set(lines).size).toBe(500);
    expect(dropped).toEqual([]);
  });

  it('goes on with the file of the process before, and ends the half line that a kill left', async () => {
    await writeFile(join(folder, 'moltbot.log'), 'whole\nhalf a li');
    const file = openFile();
    file.write('next\n');
    await file.close();
    expect(await read('moltbot.log')).toBe('whole\nhalf a li\nnext\n');
  });

  it('lets two writers share one file without losing a line to a rotation', async () => {
    const one = openFile({ maxSize: 2_000, maxFiles: 500 });
    const two = openFile({ maxSize: 2_000, maxFiles: 500 });
    for (let index = 0; index < 300; index += 1) {
      one.write(`one ${index} ${'x'.repeat(40)}\n`);
      two.write(`two ${index} ${'x'.repeat(40)}\n`);
      if (index % 10 === 0) await Promise.all([one.flush(), two.flush()]);
    }
    await Promise.all([one.close(), two.close()]);
    const names = (await readdir(folder)).sort();
    const lines = (await Promise.all(names.map(read))).join('').trimEnd().split('\n');
    expect(names.length).toBeGreaterThan(5);
    expect(names).not.toContain('moltbot.log.lock');
    expect(new Set(lines).size).toBe(600);
    expect(dropped).toEqual([]);
  });

  it('takes a lock away whose time the clock has left again', async () => {
    const file = openFile({ maxSize: 10 });
    const lock = join(folder, 'moltbot.log.lock');
    await writeFile(lock, '');
    const ahead = new Date(Date.now() + 3_600_000);
    await utimes(lock, ahead, ahead);
    for (let index = 0; index < 4; index += 1) {
      file.write('0123456789\n');
      await file.flush();
    }
    await file.close();
    expect((await readdir(folder)).sort()).toEqual(expect.arrayContaining(['moltbot.log', 'moltbot.log.1']));
    expect(await readdir(folder)).not.toContain('moltbot.log.lock');
  });

  it('follows its path after somebody moved the file away', async () => {
    let time = 0;
    const file = openFile({ now: () => time });
    file.write('before\n');
    await file.flush();
    await rename(join(folder, 'moltbot.log'), join(folder, 'moved'));
    time += 5_000;
    file.write('after\n');
    await file.close();
    expect(await read('moved')).toBe('before\n');
    expect(await read('moltbot.log')).toBe('after\n');
  });

  it('counts what the disk refused, says so once per series, and goes on when it can', async () => {
    let time = 0;
    const blocked = join(folder, 'not-a-folder');
    await writeFile(blocked, '');
    const file = openFile({ path: join(blocked, 'moltbot.log'), now: () => time });
    for (let index = 0; index < 5; index += 1) {
      file.write('lost\n');
      await file.flush();
      time += 2_000;
    }
    expect(errors).toHaveLength(1);
    expect(dropped).toEqual(Array.from({ length: 5 }, () => ({ count: 1, reason: 'failed' })));

    await rm(blocked);
    file.write('kept\n');
    await file.close();
    expect(await read('not-a-folder/moltbot.log')).toBe('kept\n');
    expect(dropped).toHaveLength(5);
  });

  it('survives a full disk', async () => {
    const file = openFile({ path: '/dev/full' });
    file.write('no room\n');
    await file.close();
    expect(errors.map((error) => (error as NodeJS.ErrnoException).code)).toEqual(['ENOSPC']);
    expect(dropped).toEqual([{ count: 1, reason: 'failed' }]);
  });

  it('never moves a device away', async () => {
    const file = openFile({ path: '/dev/null', maxSize: 10 });
    for (let index = 0; index < 5; index += 1) {
      file.write('more than ten bytes\n');
      await file.flush();
    }
    await file.close();
    expect(dropped).toEqual([]);
    expect((await readdir('/dev')).filter((name) => name.startsWith('null.'))).toEqual([]);
  });

  it('holds no more in memory than allowed', async () => {
    const file = openFile({ maxPending: 1_000 });
    for (let index = 0; index < 50; index += 1) file.write(`${'x'.repeat(99)}\n`);
    expect(dropped).toHaveLength(40);
    await file.close();
    expect(await read('moltbot.log')).toHaveLength(1_000);
  });
});
