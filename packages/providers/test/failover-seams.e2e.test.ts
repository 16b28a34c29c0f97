import { afterEach, describe, expect, it } from '@jest/globals';
import { type Rig, readStream, startRig } from './failover-rig.js';

/** Models that are asked to go on and do something else. */

let rig: Rig;
afterEach(async () => {
  await rig.close();
});

const WORDS = Array.from({ length: 600 }, (_, index) => `word${index + 1}`);
const LONG = WORDS.join(' ');

async function rescued(second: string, after = 500) {
  rig = await startRig({
    models: {
      first: { script: { type: 'cut', after, answer: { text: LONG } } },
      second: { script: { type: 'answer', answer: { text: second } } },
    },
    settings: { models: { retry_policy: { max_attempts: 1 } } },
  });
  const stream = await rig.engine.stream(rig.call({ stream: true }));
  return { read: await readStream(stream), result: stream.result() };
}

describe('a long answer that the next model says from its beginning, though it was asked to go on', () => {
  it('is shown once', async () => {
    const { read, result } = await rescued(LONG);
    expect(read.error).toBeUndefined();
    expect(read.text).toBe(LONG);
    expect(result.attempts).toHaveLength(2);
    expect(result.spans.reduce((sum, { length }) => sum + length, 0)).toBe(LONG.length);
  });

  it('is not shown twice where it is another one from somewhere on', async () => {
    const other = LONG.replace('word300', 'something else');
    const { read } = await rescued(other);
    expect(read.error).toMatchObject({ code: 'stream_interrupted' });
    expect(read.text.trim()).toBe(WORDS.slice(0, 500).join(' '));
  });

  it('is not shown twice where it stops before it says anything new', async () => {
    const { read } = await rescued(WORDS.slice(0, 200).join(' '));
    expect(read.error).toMatchObject({ code: 'stream_interrupted' });
    expect(read.text.trim()).toBe(WORDS.slice(0, 500).join(' '));
  });
});

describe('a continuation that begins like the answer itself', () => {
  it('is taken as it is where it soon says something else', async () => {
    const { read } = await rescued(' word1 word2 word3 and so on.');
    expect(read.error).toBeUndefined();
    expect(read.text).toBe(`${WORDS.slice(0, 500).join(' ')} word1 word2 word3 and so on.`);
  });
});
