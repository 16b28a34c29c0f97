import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ByteRope } from './byte-rope.js';

const cut = fc
  .array(fc.uint8Array({ maxLength: 6 }), { maxLength: 6 })
  .map((pieces) => pieces.map((piece) => Buffer.from(piece)));

describe('bytes in pieces', () => {
  it('are what they are in one, wherever they are cut', () => {
    fc.assert(
      fc.property(cut, fc.nat(40), fc.nat(40), fc.nat(255), (pieces, first, second, byte) => {
        const whole = Buffer.concat(pieces);
        const rope = new ByteRope(pieces);
        const from = Math.min(first, second, whole.length);
        const to = Math.min(Math.max(first, second), whole.length);
        expect(rope.length).toBe(whole.length);
        expect(Buffer.concat(rope.slice(from, to))).toEqual(whole.subarray(from, to));
        expect(rope.indexOf(byte)).toBe(whole.indexOf(byte));
        const target = new Uint8Array(whole.length + 2);
        rope.copyTo(target, 1);
        expect(Buffer.from(target.subarray(1, -1))).toEqual(whole);
        expect(rope.pieces).toBe(pieces);
        expect(rope.bytes).toEqual(whole);
      }),
    );
  });

  it('tell a text and find a word across the ends of pieces', () => {
    const text = 'ein Grüßlein 😀 mit image darin';
    const bytes = Buffer.from(text);
    for (let size = 1; size < bytes.length; size += 1) {
      const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
        bytes.subarray(index * size, (index + 1) * size),
      );
      const rope = new ByteRope(pieces);
      expect(rope.text(0, bytes.length)).toBe(text);
      expect(rope.text(4, 8)).toBe('Grü');
      expect(
        ['image', '😀', 'n', 'ein Grüßlein 😀 mit', 'images', 'imagee', 'iimage'].map((word) => rope.includes(word)),
      ).toEqual([true, true, true, true, false, false, false]);
    }
  });

  it('are joined once, and not at all where they came in one', () => {
    const piece = Buffer.from('abc');
    expect(new ByteRope([piece]).bytes).toBe(piece);
    const rope = new ByteRope([piece, piece]);
    expect(rope.bytes).toBe(rope.bytes);
    expect(rope.pieces).toEqual([Buffer.from('abcabc')]);
    expect(new ByteRope([]).bytes).toHaveLength(0);
  });
});
