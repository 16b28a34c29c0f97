import type { MaskedWords } from './masked-words.js';

const REST_LOW = 0x9e3779b1;
const REST_HIGH = 0x85ebca6b;

/** The hash of the message without the word at `position`. */
export function restOf(words: MaskedWords, position: number): number {
  let low = words.structure | 0;
  let high = position + 1;
  for (let index = 0; index < words.count; index += 1) {
    if (index === position) continue;
    low = Math.imul(low ^ (words.low[index] as number), REST_LOW);
    low ^= low >>> 15;
    high = Math.imul(high + (words.high[index] as number), REST_HIGH);
    high ^= high >>> 13;
  }
  return (high >>> 0) * 2 ** 20 + ((low >>> 0) & 0xfffff);
}
