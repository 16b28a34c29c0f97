import { createCipheriv, createDecipheriv, hkdfSync, randomBytes as systemRandomBytes } from 'node:crypto';
import { MoltbotError, Secret } from '@moltbot/contracts';
import { parseSecretKey, SECRET_KEY_BYTES } from './parse-secret-key.js';

export interface SealerOptions {
  /** Seals and opens: 32 bytes, or their text (see `parseSecretKey`). */
  readonly key: Secret | Uint8Array;
  /** Only open: those of before a rotation. */
  readonly olderKeys?: readonly (Secret | Uint8Array)[];
  readonly randomBytes?: (size: number) => Uint8Array;
}

/** Authenticated encryption of short texts that are kept where others may read or change them. */
export interface Sealer {
  /** 12 hex digits that name the key and tell nothing of it. */
  readonly keyId: string;
  /** @param context what the text belongs to, as a credential's id: it opens only with the same */
  seal(plaintext: string, context: string): string;
  /** @throws MoltbotError `secret_key_unavailable`: sealed with another key, changed since, or no sealed text at all */
  open(sealed: string, context: string): string;
}

interface SealingKey {
  readonly id: string;
  readonly bytes: Uint8Array;
}

const VERSION = 'mbs1';
const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEY_ID_BYTES = 6;
const SEALED = /^mbs1\.([0-9a-f]{12})\.([A-Za-z0-9_-]{16})\.([A-Za-z0-9_-]{22,})$/;
const LATER_VERSION = /^mbs\d+\./;

/**
 * AES-256-GCM with random 96-bit nonces, as `mbs1.<key id>.<nonce>.<ciphertext and tag>` (base64url). Each context has a key
 * of its own (HKDF, RFC 5869), so that the 2^32 random nonces that NIST SP 800-38D (8.3) allows a key count per credential
 * and not per installation. Version, key id and context are authenticated too: rows can't be swapped.
 * @throws MoltbotError `secret_key_unavailable` where a key is none
 */
export function createSealer(options: SealerOptions): Sealer {
  const randomBytes = options.randomBytes ?? systemRandomBytes;
  const current = toSealingKey(options.key);
  const keys = new Map([...(options.olderKeys ?? []).map(toSealingKey), current].map((key) => [key.id, key]));

  function seal(plaintext: string, context: string): string {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, contextKey(current, context), nonce, { authTagLength: TAG_BYTES });
    cipher.setAAD(authenticated(current.id, context));
    const body = Buffer.concat([cipher.update(plaintext, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    return [VERSION, current.id, base64url(nonce), base64url(body)].join('.');
  }

  function open(sealed: string, context: string): string {
    const { keyId, nonce, body } = parse(sealed, context);
    const key = keys.get(keyId);
    if (key === undefined) {
      throw unavailable(
        `What is kept for \`${context}\` was sealed with key ${keyId}, but this server has ${[...keys.keys()].reverse().join(', ')}.`,
      );
    }
    try {
      const decipher = createDecipheriv(CIPHER, contextKey(key, context), nonce, { authTagLength: TAG_BYTES });
      decipher.setAAD(authenticated(keyId, context));
      decipher.setAuthTag(body.subarray(body.length - TAG_BYTES));
      const text = [decipher.update(body.subarray(0, body.length - TAG_BYTES)), decipher.final()];
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(text));
    } catch {
      throw damaged(context);
    }
  }

  return { keyId: current.id, seal, open };
}

/** @throws MoltbotError `secret_key_unavailable` where it is none */
export function secretKeyId(key: Secret | Uint8Array): string {
  return toSealingKey(key).id;
}

function toSealingKey(key: Secret | Uint8Array): SealingKey {
  const bytes = key instanceof Secret ? parseSecretKey(key) : Uint8Array.from(key);
  if (bytes.length !== SECRET_KEY_BYTES) throw new RangeError(`expected a key of ${SECRET_KEY_BYTES} bytes`);
  return { id: Buffer.from(derive(bytes, 'key id', KEY_ID_BYTES)).toString('hex'), bytes };
}

function contextKey(key: SealingKey, context: string): Uint8Array {
  return derive(key.bytes, `seal\0${context}`, SECRET_KEY_BYTES);
}

function derive(key: Uint8Array, purpose: string, length: number): Uint8Array {
  // `info` is limited to 1024 bytes: the purpose goes in as the salt, which may be of any length (RFC 5869, 3.1).
  return new Uint8Array(hkdfSync('sha256', key, `moltbot\0${purpose}`, VERSION, length));
}

function authenticated(keyId: string, context: string): Uint8Array {
  return Buffer.from(`${VERSION}\0${keyId}\0${context}`, 'utf8');
}

function parse(sealed: string, context: string): { keyId: string; nonce: Uint8Array; body: Uint8Array } {
  const [, keyId, nonceText, bodyText] = SEALED.exec(sealed) ?? [];
  if (keyId === undefined || nonceText === undefined || bodyText === undefined) {
    if (LATER_VERSION.test(sealed) && !sealed.startsWith(`${VERSION}.`)) {
      throw unavailable(`What is kept for \`${context}\` was sealed by a newer version of MoltBot.`);
    }
    throw damaged(context);
  }
  const body = Buffer.from(bodyText, 'base64url');
  // Other spellings of the same bytes were not written by us.
  if (base64url(body) !== bodyText || body.length < TAG_BYTES) throw damaged(context);
  return { keyId, nonce: Buffer.from(nonceText, 'base64url'), body };
}

function damaged(context: string): MoltbotError {
  return unavailable(
    `What is kept for \`${context}\` was changed since it was sealed, or belongs to another credential: sign in again.`,
  );
}

function unavailable(message: string): MoltbotError {
  return new MoltbotError('secret_key_unavailable', message);
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url');
}
