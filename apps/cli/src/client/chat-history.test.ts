import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ChatHistory } from './chat-history.js';

let folder: string;
const file = () => join(folder, 'home/chat-history');

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'moltbot-history-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('the history of sessions', () => {
  it('gives back what was typed, newest first, a text of many lines as one', async () => {
    const history = new ChatHistory(file());
    expect(await history.load()).toEqual([]);
    await history.add('first');
    await history.add('second,\n  on two lines');
    expect(await new ChatHistory(file()).load()).toEqual(['second, on two lines', 'first']);
  });

  it('takes a paste that is mostly blank in no time', async () => {
    const history = new ChatHistory(file());
    const began = performance.now();
    await history.add(`a${' '.repeat(200_000)}b\n\n \n c`);
    expect(performance.now() - began).toBeLessThan(1_000);
    expect((await history.load())[0]).toMatch(/^a +b c$/);
  });

  it('is for its owner only, also where the file was open before', async () => {
    await new ChatHistory(file()).add('mine');
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    const open = join(folder, 'open');
    writeFileSync(open, 'x\n', { mode: 0o644 });
    await new ChatHistory(open).load();
    expect(statSync(open).mode & 0o777).toBe(0o600);
  });

  it('does not grow for ever', async () => {
    const long = join(folder, 'long');
    writeFileSync(long, Array.from({ length: 2_500 }, (_, index) => `${index}\n`).join(''));
    const loaded = await new ChatHistory(long).load();
    expect([loaded.length, loaded[0]]).toEqual([1_000, '2499']);
    expect(readFileSync(long, 'utf8').split('\n')).toHaveLength(1_001);
  });

  it('costs no session where it can’t be written', async () => {
    writeFileSync(join(folder, 'home'), 'a file, no folder');
    const history = new ChatHistory(file());
    await history.add('lost');
    expect(await history.load()).toEqual([]);
  });
});
