import { createHash, timingSafeEqual } from 'node:crypto';
import type { PendingAuthorization } from '@moltbot/auth';
import { z } from 'zod';
import { SealedCookie } from './sealed-cookie.js';

/** For the person to agree at the provider. */
export const PENDING_S = 10 * 60;

const schema = z.object({
  credentialId: z.string(),
  /** As auth.json had it: another client's answer is of no use. */
  clientId: z.string(),
  redirectUri: z.string(),
  state: z.string(),
  codeVerifier: z.string(),
  nonce: z.string().optional(),
  /** Unix ms. */
  endsAt: z.number(),
});

/** A sign-in that this browser began; kept by the browser, so that any primary can finish it. */
export type PendingSignIn = z.output<typeof schema>;

export const PENDING_COOKIE = new SealedCookie<PendingSignIn>({
  name: 'moltbot_sign_in',
  context: 'cookie sign-in',
  parse: (value) => schema.safeParse(value).data,
});

/** As the OAuth client wants it back; the address where the browser was sent is of no more use. */
export function toPendingAuthorization(pending: PendingSignIn): PendingAuthorization {
  const { redirectUri, state, codeVerifier, nonce } = pending;
  return { url: '', redirectUri, state, codeVerifier, nonce };
}

/** Compares in a time that does not tell how much was right. */
export function isSameState(expected: string, given: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(expected), digest(given));
}

/** States that were used in this process: a second use is told as such. What makes a code good for once is the provider. */
export class UsedStates {
  readonly #until = new Map<string, number>();
  readonly #limit: number;

  constructor(limit = 1_000) {
    this.#limit = limit;
  }

  /** @returns whether it is the first use */
  use(state: string, now: number): boolean {
    for (const [used, until] of this.#until) {
      if (until > now && this.#until.size < this.#limit) break;
      this.#until.delete(used);
    }
    if (this.#until.has(state)) return false;
    this.#until.set(state, now + PENDING_S * 1_000);
    return true;
  }
}
