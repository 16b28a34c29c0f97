import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { checkApiKeyFormat, generateApiKey, hashApiKey, sameApiKeyHash } from './api-key.js';

const character = fc.stringMatching(/^[0-9A-Za-z]$/);
const generated = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => generateApiKey({ random: () => bytes }).key.reveal());

describe('an API key', () => {
  it('is mb_, 43 characters of randomness and 6 of checksum, whatever the random bytes are', () => {
    fc.assert(
      fc.property(generated, (key) => {
        expect(key).toMatch(/^mb_[0-9A-Za-z]{49}$/);
        expect(checkApiKeyFormat(key)).toBe('ok');
      }),
    );
    const zero = generateApiKey({ random: (size) => new Uint8Array(size) });
    const full = generateApiKey({ random: (size) => new Uint8Array(size).fill(255) });
    expect(zero.key.reveal().slice(3, 46)).toBe('0'.repeat(43));
    expect(full.key.reveal()).toHaveLength(52);
    expect(full.hash).not.toBe(zero.hash);
  });

  it('is another one each time, and prints as stars', () => {
    const keys = Array.from({ length: 100 }, () => generateApiKey());
    expect(new Set(keys.map(({ hash }) => hash)).size).toBe(100);
    expect(JSON.stringify(keys[0])).not.toContain(keys[0]?.key.reveal());
  });

  it('shows only its first characters in a list', () => {
    const { key, prefix, hash } = generateApiKey();
    expect(key.reveal().startsWith(prefix)).toBe(true);
    expect(prefix).toHaveLength(9);
    expect(hash).toBe(hashApiKey(key.reveal()));
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
  });

  it('is told apart from one with a wrong character without a look-up', () => {
    fc.assert(
      fc.property(generated, fc.integer({ min: 3, max: 51 }), character, (key, at, other) => {
        fc.pre(key[at] !== other);
        expect(checkApiKeyFormat(key.slice(0, at) + other + key.slice(at + 1))).toBe('checksum');
      }),
    );
  });

  it('is told apart from one with two neighbours swapped', () => {
    fc.assert(
      fc.property(generated, fc.integer({ min: 3, max: 50 }), (key, at) => {
        fc.pre(key[at] !== key[at + 1]);
        const swapped = key.slice(0, at) + key.charAt(at + 1) + key.charAt(at) + key.slice(at + 2);
        expect(checkApiKeyFormat(swapped)).toBe('checksum');
      }),
    );
  });

  it.each([
    ['nothing', ''],
    ['another vendor’s key', 'sk-proj-0123456789012345678901234567890123456789012345'],
    ['one cut off', 'mb_0123456789'],
    ['one with a line break', `mb_${'0'.repeat(48)}\n`],
    ['one in letters that look alike', `mb_${'О'.repeat(49)}`],
    ['a very long one', `mb_${'a'.repeat(1_000_000)}`],
  ])('is not %s', (_name, text) => {
    expect(checkApiKeyFormat(text)).toBe('malformed');
  });

  it('has a hash that is compared as a whole', () => {
    const [a, b] = [hashApiKey('a'), hashApiKey('b')];
    expect(sameApiKeyHash(a, a)).toBe(true);
    expect(sameApiKeyHash(a, b)).toBe(false);
    expect(sameApiKeyHash(a, a.slice(1))).toBe(false);
    expect(sameApiKeyHash(a, '')).toBe(false);
  });
});
