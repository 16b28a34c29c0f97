import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { LOG_FORMATS } from '@moltbot/contracts';
import { FORMATS } from '@moltbot/log-analysis';
import { openFolderFile } from './folder-file.js';
import type { OpenLog } from './log-source.js';
import { openOwnLogs } from './own-logs.js';

let home: string;
let folder: string;
const opened: OpenLog[] = [];

beforeEach(() => {
  home = realpathSync(mkdtempSync(join(tmpdir(), 'moltbot-logs-')));
  folder = join(home, 'logs');
  mkdirSync(folder);
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map(async (log) => log.close()));
  rmSync(home, { recursive: true, force: true });
});

async function textOf(log: OpenLog): Promise<string> {
  let text = '';
  for await (const piece of log.read(new AbortController().signal)) text += Buffer.from(piece).toString();
  return text;
}

async function openPath(path: string, folders: readonly string[] = [folder]): Promise<OpenLog> {
  const log = await openFolderFile({ path, folders });
  opened.push(log);
  return log;
}

describe('a file of a folder', () => {
  it('is read as often as wanted, and no further than it was long when it was opened', async () => {
    const path = join(folder, 'a.log');
    writeFileSync(path, 'one\n');
    const log = await openPath(path);
    appendFileSync(path, 'two\n');
    expect([await textOf(log), await textOf(log), log.bytes]).toEqual(['one\n', 'one\n', 4]);
    truncateSync(path, 2);
    expect(await textOf(log)).toBe('on');
  });

  it('may be reached by links inside, and through a folder that is a link itself', async () => {
    writeFileSync(join(folder, 'a.log'), 'one\n');
    symlinkSync('a.log', join(folder, 'current'));
    symlinkSync(folder, join(home, 'by-link'));
    expect(await textOf(await openPath(join(folder, 'current')))).toBe('one\n');
    expect(await textOf(await openPath(join(home, 'by-link', 'a.log'), [join(home, 'by-link')]))).toBe('one\n');
  });

  it('is refused where its real path is elsewhere, however it is written', async () => {
    mkdirSync(join(home, 'logs-of-others'));
    writeFileSync(join(home, 'logs-of-others', 'secret'), 'x');
    symlinkSync(join(home, 'logs-of-others'), join(folder, 'way'));
    symlinkSync(join(home, 'logs-of-others', 'secret'), join(folder, 'secret'));
    for (const path of [
      join(folder, 'way', 'secret'),
      join(folder, 'secret'),
      `${folder}/../logs-of-others/secret`,
      join(home, 'logs-of-others', 'secret'),
      relative(process.cwd(), join(folder, 'secret')),
      home,
    ]) {
      await expect(openFolderFile({ path, folders: [folder] })).rejects.toMatchObject({ code: 'permission_denied' });
    }
    await expect(openFolderFile({ path: join(folder, 'secret'), folders: [] })).rejects.toMatchObject({
      code: 'permission_denied',
    });
    await expect(
      openFolderFile({ path: join(folder, 'secret'), folders: [join(home, 'nowhere')] }),
    ).rejects.toMatchObject({ code: 'permission_denied' });
  });

  it('is no folder and no device', async () => {
    mkdirSync(join(folder, 'deeper'));
    await expect(openPath(join(folder, 'deeper'))).rejects.toMatchObject({ code: 'log_input_invalid' });
    await expect(openPath('/dev/null', ['/dev'])).rejects.toMatchObject({ code: 'log_input_invalid' });
    await expect(openPath(join(folder, 'none'))).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('our own logs', () => {
  const at = (hour: number) => Date.UTC(2026, 0, 1, hour);
  function write(name: string, text: string, hour: number): void {
    writeFileSync(join(folder, name), text);
    utimesSync(join(folder, name), at(hour) / 1_000, at(hour) / 1_000);
  }
  async function own(since?: number, until?: number): Promise<readonly OpenLog[]> {
    const logs = await openOwnLogs({
      file: join(folder, 'm.log'),
      maxFiles: 5,
      sinceMs: since === undefined ? undefined : at(since),
      untilMs: until === undefined ? undefined : at(until),
    });
    opened.push(...logs);
    return logs;
  }
  const texts = async (logs: readonly OpenLog[]) => Promise.all(logs.map(textOf));

  it('are read oldest first, and only those that may hold lines of the time', async () => {
    write('m.log.3', 'three', 3);
    write('m.log.2', 'two', 6);
    write('m.log.1', 'one', 9);
    write('m.log', 'now', 12);
    mkdirSync(join(folder, 'm.log.4'));
    expect(await texts(await own())).toEqual(['three', 'two', 'one', 'now']);
    expect(await texts(await own(7))).toEqual(['one', 'now']);
    expect(await texts(await own(4, 6))).toEqual(['two']);
    expect(await texts(await own(undefined, 2))).toEqual(['three']);
    expect(await texts(await own(13))).toEqual([]);
  });

  it('stay the same files when they are rotated meanwhile', async () => {
    write('m.log.1', 'one', 9);
    write('m.log', 'now', 12);
    const logs = await own();
    renameSync(join(folder, 'm.log.1'), join(folder, 'm.log.2'));
    renameSync(join(folder, 'm.log'), join(folder, 'm.log.1'));
    write('m.log', 'newer', 13);
    expect(await texts(logs)).toEqual(['one', 'now']);
  });

  it('are not there where none are written', async () => {
    await expect(own()).rejects.toMatchObject({ code: 'not_found' });
    const none = openOwnLogs({ file: undefined, maxFiles: 5, sinceMs: undefined, untilMs: undefined });
    await expect(none).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('formats of logs', () => {
  it('are named alike in the contract of the job and in the analysis', () => {
    expect([...LOG_FORMATS].sort()).toEqual([...FORMATS].sort());
  });
});
