import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { Secret } from '@moltbot/contracts';
import fc from 'fast-check';
import { parseSecretKey } from './parse-secret-key.js';
import { createSealer, secretKeyId } from './sealer.js';

const KEY = randomBytes(32);
const sealer = createSealer({ key: KEY });

function messageOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    expect(error).toMatchObject({ code: 'secret_key_unavailable' });
    return (error as Error).message;
  }
  throw new Error('it did not throw');
}

describe('a sealed text', () => {
  it('opens to what was sealed, for any text and context', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string(), (text, context) => {
        expect(sealer.open(sealer.seal(text, context), context)).toBe(text);
      }),
    );
  });

  it('holds no word of the text, and is another each time', () => {
    const sealed = sealer.seal('CANARY-refresh-token', 'anthropic');
    expect(sealed).toMatch(/^mbs1\.[0-9a-f]{12}\.[\w-]{16}\.[\w-]+$/);
    expect(Buffer.from(sealed.split('.')[3] ?? '', 'base64url').toString('latin1')).not.toContain('CANARY');
    expect(sealer.seal('CANARY-refresh-token', 'anthropic')).not.toBe(sealed);
  });

  it('never shares a nonce with another', () => {
    const nonces = Array.from({ length: 2_000 }, () => sealer.seal('', 'a').split('.')[2]);
    expect(new Set(nonces).size).toBe(nonces.length);
  });

  it('opens for no other credential, so that rows can’t be swapped', () => {
    const sealed = sealer.seal('token', 'openai:a');
    expect(messageOf(() => sealer.open(sealed, 'openai:b'))).toContain('openai:b');
  });

  it('opens with no character changed, added or taken away', () => {
    const sealed = sealer.seal('a token of some length', 'openai');
    for (let index = 0; index < sealed.length; index += 1) {
      const other = sealed[index] === 'A' ? 'B' : 'A';
      const changed = sealed.slice(0, index) + other + sealed.slice(index + 1);
      const removed = sealed.slice(0, index) + sealed.slice(index + 1);
      const cut = sealed.slice(0, index);
      const added = `${sealed.slice(0, index)}A${sealed.slice(index)}`;
      for (const wrong of [changed, removed, cut, added]) {
        expect(messageOf(() => sealer.open(wrong, 'openai'))).not.toContain('a token of some length');
      }
    }
  });

  it('opens for nothing that was never sealed', () => {
    const wrong = ['', '{}', 'mbs1', 'mbs1....', 'mbs1.000000000000.AAAAAAAAAAAAAAAA.', 'A'.repeat(1_000_000)];
    for (const text of wrong) expect(messageOf(() => sealer.open(text, 'x'))).toContain('`x`');
  });

  it('of a later version is told apart from a damaged one', () => {
    expect(messageOf(() => sealer.open('mbs2.anything', 'openai'))).toContain('newer version');
  });
});

describe('a key', () => {
  it('that is another is named, with the one that is missing', () => {
    const other = createSealer({ key: randomBytes(32) });
    const message = messageOf(() => other.open(sealer.seal('token', 'openai'), 'openai'));
    expect(message).toContain(sealer.keyId);
    expect(message).toContain(other.keyId);
  });

  it('that was replaced still opens what it sealed, and seals no more', () => {
    const rotated = createSealer({ key: randomBytes(32), olderKeys: [randomBytes(32), KEY] });
    const old = sealer.seal('token', 'openai');
    expect(rotated.open(old, 'openai')).toBe('token');
    const fresh = rotated.seal('token', 'openai');
    expect(fresh).toContain(rotated.keyId);
    expect(messageOf(() => sealer.open(fresh, 'openai'))).toContain(rotated.keyId);
  });

  it('is taken as base64, base64url or hex, and is the same key in each', () => {
    const bytes = Buffer.from(KEY);
    const texts = [
      bytes.toString('base64'),
      bytes.toString('base64url'),
      bytes.toString('base64').replace('=', ''),
      bytes.toString('hex'),
      `${bytes.toString('hex').toUpperCase()}\n`,
    ];
    for (const text of texts) {
      expect(Buffer.from(parseSecretKey(new Secret(text)))).toEqual(bytes);
      expect(secretKeyId(new Secret(text))).toBe(sealer.keyId);
    }
  });

  it('is refused where it is short, long, typed by hand, or no bytes at all; the message says how to make one', () => {
    const wrong = [
      '',
      'correct horse battery staple',
      randomBytes(31).toString('base64'),
      randomBytes(33).toString('base64'),
      randomBytes(16).toString('hex'),
      '0'.repeat(64),
      'CANARYCANARYCANARYCANARYCANARYCANARYCANARYC=',
      `${KEY.toString('base64')}!`,
    ];
    for (const text of wrong) {
      const message = messageOf(() => createSealer({ key: new Secret(text) }));
      expect(message).toContain('openssl rand -base64 32');
      expect(message).not.toContain('CANARY');
    }
    expect(() => createSealer({ key: new Uint8Array(16) })).toThrow(RangeError);
  });

  it('changes nothing when the bytes it was made from are changed later', () => {
    const bytes = Uint8Array.from(KEY);
    const copy = createSealer({ key: bytes });
    const sealed = copy.seal('token', 'a');
    bytes.fill(0);
    expect(copy.open(sealed, 'a')).toBe('token');
  });
});
