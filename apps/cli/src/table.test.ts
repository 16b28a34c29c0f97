import { describe, expect, it } from '@jest/globals';
import { table } from './table.js';

describe('a table', () => {
  it('has columns two spaces apart, without spaces at the end of a line', () => {
    expect(
      table([
        ['NAME', 'STATE'],
        ['a-long-name', 'ok'],
      ]),
    ).toBe('NAME         STATE\na-long-name  ok');
  });

  it('counts a Chinese character twice and a colour not at all', () => {
    expect(
      table([
        ['名称', 'x'],
        ['\u001b[31mabcd\u001b[39m', 'y'],
      ]),
    ).toBe('名称  x\n\u001b[31mabcd\u001b[39m  y');
  });

  it('is empty without rows', () => {
    expect(table([])).toBe('');
  });
});
