import { createInterface } from 'node:readline';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { readInputs } from './read-inputs.js';

/** What is entered when these pieces arrive, each after the one before was taken in. */
async function enter(pieces: readonly string[], pasting: boolean): Promise<readonly string[]> {
  const input = new PassThrough();
  const terminal = createInterface({ input, terminal: false });
  const inputs: string[] = [];
  const reading = (async () => {
    for await (const text of readInputs({ terminal, pasting })) inputs.push(text);
  })();
  for (const piece of pieces) {
    const before = inputs.length;
    input.write(piece);
    // A line is an input once the gap of a paste is over; an unfinished one waits for the next piece.
    if (!piece.endsWith('\\\n') && pieces.at(-1) !== piece) {
      while (inputs.length === before) await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
  input.end();
  await reading;
  return inputs;
}

describe('what a person enters', () => {
  it('is a line, typed one after the other', async () => {
    expect(await enter(['one\n', 'two\n', 'three\n'], true)).toEqual(['one', 'two', 'three']);
  });

  it('is one text where several lines are pasted at once', async () => {
    expect(await enter(['one\n\ntwo\nthree\n', 'four\n'], true)).toEqual(['one\n\ntwo\nthree', 'four']);
  });

  it('is each line by itself where commands are pasted', async () => {
    expect(await enter(['/new\nhello\n'], true)).toEqual(['/new', 'hello']);
  });

  it('goes on in the next line after a backslash', async () => {
    expect(await enter(['one \\\n', 'two\n'], true)).toEqual(['one \ntwo']);
    expect(await enter(['one \\\ntwo\nthree\n'], false)).toEqual(['one \ntwo', 'three']);
  });

  it('is each line by itself from a pipe, the last without a line end too', async () => {
    expect(await enter(['one\ntwo\nthree'], false)).toEqual(['one', 'two', 'three']);
    expect(await enter(['last \\\n'], false)).toEqual(['last ']);
  });
});
