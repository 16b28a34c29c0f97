import { describe, expect, it } from '@jest/globals';
import { type InputLine, inputLines } from './input-lines.js';

async function lines(text: string | Buffer, options: { readonly chunk?: number; readonly maxBytes?: number } = {}) {
  const bytes = Buffer.from(text);
  const { chunk = bytes.length, maxBytes = 100 } = options;
  async function* body() {
    for (let at = 0; at < bytes.length; at += chunk) yield bytes.subarray(at, at + chunk);
  }
  const found: InputLine[] = [];
  for await (const line of inputLines({ body: body(), maxBytes })) found.push(line);
  return found;
}

describe('inputLines', () => {
  it.each([1, 2, 3, 7, 1_000])('reads lines whatever pieces they come in (%d bytes)', async (chunk) => {
    const text = '\ufeff{"a":1}\r\n\n  \n{"b":"ü€😀"}\nlast';
    expect(await lines(text, { chunk })).toEqual([
      { line: 1, text: '{"a":1}' },
      { line: 4, text: '{"b":"ü€😀"}' },
      { line: 5, text: 'last' },
    ]);
  });

  it('says of a line that it is too long or no UTF-8, and goes on with the next', async () => {
    const bytes = Buffer.concat([
      Buffer.from(`${'x'.repeat(11)}\n`),
      Buffer.from([0xc3, 0x28, 0x0a]),
      Buffer.from('ok\n'),
    ]);
    expect(await lines(bytes, { chunk: 4, maxBytes: 10 })).toEqual([
      { line: 1, problem: 'too-long' },
      { line: 2, problem: 'not-utf8' },
      { line: 3, text: 'ok' },
    ]);
  });

  it('finds nothing in an empty file', async () => {
    expect(await lines('')).toEqual([]);
    expect(await lines('\n\n')).toEqual([]);
  });
});
