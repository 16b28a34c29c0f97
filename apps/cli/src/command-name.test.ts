import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { commandName } from './command-name.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'moltbot-name-'));
  mkdirSync(join(folder, 'checkout/docs'), { recursive: true });
  mkdirSync(join(folder, 'node_modules/a'), { recursive: true });
  writeFileSync(join(folder, 'checkout/moltbot'), '');
  writeFileSync(join(folder, 'node_modules/a/moltbot'), '');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('how to call the command', () => {
  const wrapper = () => join(folder, 'checkout/moltbot');

  it('is its script, seen from where one stands', () => {
    expect(commandName({ folder: join(folder, 'checkout'), wrapper: wrapper() })).toBe('./moltbot');
    expect(commandName({ folder, wrapper: wrapper() })).toBe('./checkout/moltbot');
    expect(commandName({ folder: join(folder, 'checkout/docs'), wrapper: wrapper() })).toBe(wrapper());
  });

  it('is its name alone where it is installed, or where nothing can be said', () => {
    expect(commandName({ folder, wrapper: join(folder, 'node_modules/a/moltbot') })).toBe('moltbot');
    expect(commandName({ folder, wrapper: join(folder, 'missing') })).toBe('moltbot');
  });
});
