import { describe, expect, it } from '@jest/globals';
import { createRequestIds } from './request-id.js';

describe('request ids', () => {
  it('are `req_` and 24 characters of base62, none twice', () => {
    const ids = createRequestIds();
    const made = new Set(Array.from({ length: 10_000 }, () => ids.next()));
    expect(made.size).toBe(10_000);
    for (const id of made) expect(id).toMatch(/^req_[0-9A-Za-z]{24}$/);
  });

  it('favour no character: bytes that would are thrown away', () => {
    let byte = 0;
    const ids = createRequestIds({
      fillRandom: (buffer) => {
        for (let index = 0; index < buffer.length; index += 1, byte = (byte + 1) % 256) buffer[index] = byte;
      },
    });
    const counts = new Map<string, number>();
    for (let index = 0; index < 62 * 31; index += 1) {
      for (const character of ids.next().slice(4)) counts.set(character, (counts.get(character) ?? 0) + 1);
    }
    expect(counts.size).toBe(62);
    expect(Math.max(...counts.values()) - Math.min(...counts.values())).toBeLessThanOrEqual(16);
  });

  it.each(['abc', 'req_1', '4bf92f35-77b3-4da6', 'a:b/c.d+e=f@g~h', 'x'.repeat(128)])(
    'take the caller’s %p',
    (incoming) => {
      expect(createRequestIds().accept(incoming)).toBe(incoming);
    },
  );

  it.each([undefined, '', 'a b', 'a\nb', 'a"b', "a'b", 'a;b', 'a,b', '<a>', 'ä', 'x'.repeat(129), ['a', 'b']])(
    'replace the caller’s %p',
    (incoming) => {
      expect(createRequestIds().accept(incoming)).toMatch(/^req_[0-9A-Za-z]{24}$/);
    },
  );
});
