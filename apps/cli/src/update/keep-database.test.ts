import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig, moltbotPaths } from '@moltbot/config';
import { programRunner, type RunProgram } from '../service/run-program.js';
import { type KeptDatabase, keepDatabase } from './keep-database.js';

describe('keepDatabase', () => {
  let home: string;
  let place: string;

  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'moltbot-kept-'));
    place = join(home, 'data/postgres');
    write('data', 'before');
  });
  afterEach(() => {
    rmSync(home, { recursive: true, force: true });
  });

  const write = (folder: string, text: string): void => {
    mkdirSync(join(place, folder), { recursive: true });
    writeFileSync(join(place, folder, 'PG_VERSION'), text);
  };
  /** Folder → what is in it. */
  const there = (): Record<string, string> =>
    Object.fromEntries(
      readdirSync(place).map((folder) => [folder, readFileSync(join(place, folder, 'PG_VERSION'), 'utf8')]),
    );
  const keep = async (run: RunProgram = programRunner(process.env)) => {
    const paths = moltbotPaths({ env: { MOLTBOT_HOME: home }, homeDirectory: home });
    return keepDatabase({ config: await loadConfig({ paths, env: {} }), paths, run });
  };
  const kept = async (): Promise<KeptDatabase> => {
    const result = await keep();
    if (result === undefined || typeof result === 'string') throw new Error(`not kept: ${result}`);
    return result;
  };

  it('puts back what was there, or drops the copy', async () => {
    const one = await kept();
    write('data', 'migrated');
    expect(there()).toEqual({ data: 'migrated', 'data.before-update': 'before' });
    await one.restore();
    expect(there()).toEqual({ data: 'before' });
    await (await kept()).drop();
    expect(there()).toEqual({ data: 'before' });
  });

  it('ends what was killed between the two renames, before it copies anything', async () => {
    await kept();
    write('data', 'migrated');
    renameSync(join(place, 'data'), join(place, 'data.failed-update'));
    await kept();
    expect(there()).toEqual({ data: 'before', 'data.before-update': 'before' });
  });

  it('keeps the copy of an update that was cut off until a version has become ready', async () => {
    await kept();
    write('data', 'migrated by the first');
    await kept();
    write('data', 'migrated by the second');
    const third = await kept();
    expect(there()).toEqual({
      data: 'migrated by the second',
      'data.before-update': 'migrated by the second',
      'data.before-update.earlier': 'before',
    });
    await third.restore();
    expect(there()).toEqual({ data: 'migrated by the second', 'data.before-update.earlier': 'before' });
    await (await kept()).drop();
    expect(there()).toEqual({ data: 'migrated by the second' });
  });

  it('touches neither of two where a database was made anew beside the copy', async () => {
    await kept();
    renameSync(join(place, 'data'), join(place, 'data.failed-update'));
    write('data', 'empty');
    const before = there();
    expect(await keep()).toBe('failed');
    expect(there()).toEqual(before);
  });

  it('keeps the copy there is where the next one can not be made', async () => {
    await kept();
    write('data', 'migrated');
    const real = programRunner(process.env);
    const result = await keep(async (program, args) =>
      program === 'cp' ? { code: 1, stdout: '', stderr: 'No space left on device' } : real(program, args),
    );
    expect(result).toBe('failed');
    expect(there()).toEqual({ data: 'migrated', 'data.before-update': 'before' });
  });
});
