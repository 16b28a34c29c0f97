import fc from 'fast-check';

const LAST_CODE_POINT = 0x10_ffff;

/** Any character but halves of surrogate pairs, which UTF-8 can't hold; the troublesome ones often. (fast-check's own `binary` unit takes seconds to build.) */
const UNIT = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('a', 'B', '7', ' ', '"', '\\', '\n', '\r', '\t', '{', '}', ':', ',', '/') },
  { weight: 1, arbitrary: fc.constantFrom('\u0000', '\u2028', '\ufeff', 'ß', '好', '😀', '👩‍👩‍👧', 'data: ', '\n\n') },
  {
    weight: 1,
    arbitrary: fc
      .integer({ min: 0, max: LAST_CODE_POINT })
      .filter((point) => point < 0xd800 || point > 0xdfff)
      .map((point) => String.fromCodePoint(point)),
  },
);

/** Text of any characters that UTF-8 can hold; lengths in such characters. */
export function anyText(minLength: number, maxLength: number): fc.Arbitrary<string> {
  return fc.string({ unit: UNIT, minLength, maxLength });
}
