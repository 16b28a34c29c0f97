import { MoltbotError, type Secret } from '@moltbot/contracts';

export const SECRET_KEY_BYTES = 32;
/** 32 random bytes have fewer distinct values than this once in 10^20 draws; typed ones often do. */
const DISTINCT_BYTES = 16;
const HEX = /^[0-9a-f]{64}$/i;
const BASE64 = /^[A-Za-z0-9+/_-]{43}=?$/;

/**
 * 32 random bytes, as base64 (also base64url) or hex. A passphrase is not taken: stretched with a salt that all servers
 * would have to share, whoever steals the store could go on guessing it for ever; random bytes can't be guessed.
 * @throws MoltbotError `secret_key_unavailable` that says how to make a key, and nothing of the text
 */
export function parseSecretKey(text: Secret): Uint8Array {
  const revealed = text.reveal().trim();
  const bytes = HEX.test(revealed)
    ? Buffer.from(revealed, 'hex')
    : Buffer.from(BASE64.test(revealed) ? revealed : '', 'base64');
  if (bytes.length !== SECRET_KEY_BYTES || new Set(bytes).size < DISTINCT_BYTES) {
    throw new MoltbotError(
      'secret_key_unavailable',
      'The secret key is not 32 random bytes as base64 or hex. Make one with `openssl rand -base64 32`.',
    );
  }
  return bytes;
}
