import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { CommandContext } from '../context.js';
import { english } from '../messages/en.js';
import { writeNewFile } from './save-artifacts.js';

const context = { messages: english('moltbot') } as unknown as CommandContext;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'moltbot-save-'));
});
afterAll(async () => rm(folder, { recursive: true }));

describe('saving a file of a job', () => {
  it('leaves no half of one behind, and never touches another', async () => {
    const path = join(folder, 'report.json');
    async function* broken() {
      yield Buffer.from('{"half":');
      throw new Error('the connection broke');
    }
    await expect(writeNewFile(path, Readable.from(broken()), context)).rejects.toMatchObject({ exit: 'failed' });
    expect(await readdir(folder)).toEqual([]);
    await writeFile(path, 'mine');
    await expect(writeNewFile(path, Readable.from(['x']), context)).rejects.toMatchObject({ exit: 'usage' });
    expect(await readFile(path, 'utf8')).toBe('mine');
    await writeNewFile(`${path}.2`, Readable.from(['whole']), context);
    expect(await readFile(`${path}.2`, 'utf8')).toBe('whole');
  });
});
