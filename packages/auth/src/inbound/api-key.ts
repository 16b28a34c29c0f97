import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { Secret } from '@moltbot/contracts';

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const RANDOM_BYTES = 32;
/** 62^43 > 2^256. */
const BODY_LENGTH = 43;
/** 62^6 > 2^32. */
const CHECKSUM_LENGTH = 6;
const PREFIX = 'mb_';
const SHAPE = /^mb_[0-9A-Za-z]{49}$/;
const BODY_END = PREFIX.length + BODY_LENGTH;
const SHOWN_LENGTH = PREFIX.length + 6;

/** A fresh key: what its owner gets to see once, and what is stored. */
export interface GeneratedApiKey {
  readonly key: Secret;
  /** As `hashApiKey` gives it. */
  readonly hash: string;
  /** Its first characters (`mb_4fT0aQ`), to tell keys apart in a list. */
  readonly prefix: string;
}

/**
 * `mb_`, 32 random bytes in base 62 (43 characters), and a CRC-32 of all that in base 62 (6 characters), so that a
 * mistyped key is told apart without a look-up. No character breaks a double click or needs escaping in a shell.
 */
export function generateApiKey(options: { readonly random?: (size: number) => Uint8Array } = {}): GeneratedApiKey {
  const bytes = (options.random ?? randomBytes)(RANDOM_BYTES);
  let number = 0n;
  for (const byte of bytes) number = (number << 8n) | BigInt(byte);
  const body = PREFIX + toBase62(number);
  const key = body + checksum(body);
  return { key: new Secret(key), hash: hashApiKey(key), prefix: key.slice(0, SHOWN_LENGTH) };
}

/** `malformed`: no key of ours, of any version. `checksum`: one of ours, with a typo or cut off and filled up. */
export function checkApiKeyFormat(presented: string): 'ok' | 'malformed' | 'checksum' {
  if (presented.length !== BODY_END + CHECKSUM_LENGTH || !SHAPE.test(presented)) return 'malformed';
  return checksum(presented.slice(0, BODY_END)) === presented.slice(BODY_END) ? 'ok' : 'checksum';
}

/** SHA-256 as 64 hex digits. No salt and no stretching: the key holds 256 random bits, so there is nothing to guess. */
export function hashApiKey(presented: string): string {
  return hash('sha256', presented, 'hex');
}

/** Compares two hashes of `hashApiKey` in constant time. */
export function sameApiKeyHash(left: string, right: string): boolean {
  const a = Buffer.from(left, 'latin1');
  const b = Buffer.from(right, 'latin1');
  return a.length === b.length && timingSafeEqual(a, b);
}

function checksum(body: string): string {
  let text = '';
  for (let rest = crc32(body); text.length < CHECKSUM_LENGTH; rest = Math.floor(rest / 62)) {
    text = DIGITS.charAt(rest % 62) + text;
  }
  return text;
}

function toBase62(number: bigint): string {
  let text = '';
  for (let rest = number; text.length < BODY_LENGTH; rest /= 62n) text = DIGITS.charAt(Number(rest % 62n)) + text;
  return text;
}
