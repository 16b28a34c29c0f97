import { hash } from 'node:crypto';
import type { OidcSettings } from '@moltbot/config';
import { MoltbotError } from '@moltbot/contracts';
import { errors, jwtVerify, type JWTVerifyOptions, type LocalJWKSet } from 'jose';
import { BoundedMap } from './bounded-map.js';
import { Denial } from './denial.js';
import type { Identity } from './identity.js';
import { IssuerKeys, type IssuerKeysTiming } from './issuer-keys.js';
import { subjectKeyId, toIdentity } from './token-identity.js';

export type JwtVerifierEvent =
  /** The issuer’s keys could not be fetched; those that are known serve on for a while. */
  | { readonly type: 'issuer-keys-failed'; readonly error: unknown }
  | { readonly type: 'issuer-keys-changed' }
  /** The keys come from another machine unencrypted: who is on the way may sign tokens. */
  | { readonly type: 'issuer-insecure'; readonly url: string };

export interface JwtVerifierOptions {
  readonly settings: OidcSettings;
  /** By the way to the issuer (proxy, certificates); must not follow redirects by itself. */
  readonly fetch: typeof globalThis.fetch;
  /** Unix ms, for the times in tokens. */
  readonly clock?: () => number;
  /** Milliseconds that only grow, for all else. */
  readonly elapsed?: () => number;
  /** Bound of each of the two caches (verified, refused). */
  readonly maxEntries?: number;
  /** Different tokens verified at the same time; further ones are refused as `overloaded`. */
  readonly maxPending?: number;
  readonly timing?: Partial<IssuerKeysTiming>;
  readonly onEvent?: (event: JwtVerifierEvent) => void;
}

export interface JwtVerifier {
  /**
   * Synchronous for a token that was verified before. Every token that is not good is refused in the same words.
   * @throws MoltbotError (thrown or rejected) `invalid_token`, `permission_denied` (no role), `issuer_unavailable`, `overloaded`
   */
  verify(token: string): Identity | Promise<Identity>;
  /** Fetches the keys ahead of the first token. Never rejects. */
  prepare(): Promise<void>;
}

const MAX_LENGTH = 16_384;
const MAX_SUBJECT = 1_024;
/** RFC 9068 and RFC 7519; in lower case, with and without `application/`. */
const TYPES = new Set(['jwt', 'at+jwt']);
/** A token that was refused is refused for this long without a look: less than a new key or clock needs to make it good. */
const REFUSED_FOR_MS = 2_000;
/** A token without a key id is tried with this many keys. */
const MOST_TRIES = 8;

interface Verified {
  readonly keyId: string;
  /** None where the person has no role here. */
  readonly identity: Identity | undefined;
  /** Unix ms. */
  readonly expiresAt: number;
}

export function createJwtVerifier(options: JwtVerifierOptions): JwtVerifier {
  const { settings } = options;
  const clock = options.clock ?? Date.now;
  const elapsed = options.elapsed ?? (() => performance.now());
  const maxEntries = options.maxEntries ?? 10_000;
  const maxPending = options.maxPending ?? 1_000;
  const onEvent = options.onEvent ?? (() => {});
  const verified = new BoundedMap<string, Verified>({ maxEntries });
  const refused = new BoundedMap<string, { readonly until: number; readonly reason: string }>({ maxEntries });
  const pending = new Map<string, Promise<Identity>>();
  /** Tokens whose key the issuer is asked for. */
  let waiting = 0;
  const keys = new IssuerKeys({
    settings,
    fetch: options.fetch,
    elapsed,
    ...(options.timing && { timing: options.timing }),
    onChange() {
      verified.clear();
      refused.clear();
      onEvent({ type: 'issuer-keys-changed' });
    },
    onFailure: (error) => onEvent({ type: 'issuer-keys-failed', error }),
  });

  const source = settings.jwks_uri ?? settings.issuer;
  if (isExposed(source)) onEvent({ type: 'issuer-insecure', url: source });

  function verify(token: string): Identity | Promise<Identity> {
    if (token.length > MAX_LENGTH) throw invalid('too long');
    const digest = hash('sha256', token, 'base64');
    const known = verified.get(digest);
    if (known !== undefined) {
      if (clock() >= known.expiresAt) {
        verified.delete(digest);
        throw invalid('expired');
      }
      if (keys.current() !== undefined) return admit(known);
    }
    const refusal = refused.get(digest);
    if (refusal !== undefined && elapsed() < refusal.until) throw invalid(refusal.reason);
    const joined = pending.get(digest);
    if (joined !== undefined) return joined;
    if (pending.size >= maxPending) {
      throw new MoltbotError('overloaded', 'Too many tokens are being checked at the same time.');
    }
    const checking = check(token, digest).finally(() => pending.delete(digest));
    pending.set(digest, checking);
    return checking;
  }

  async function check(token: string, digest: string): Promise<Identity> {
    const { outcome, set } = await verifyWithKeys(token);
    if (typeof outcome === 'string') {
      refused.set(digest, { until: elapsed() + REFUSED_FOR_MS, reason: outcome });
      throw invalid(outcome);
    }
    // Keys that were replaced meanwhile vouch for nothing that outlives them.
    if (keys.current() === set) verified.set(digest, outcome);
    return admit(outcome);
  }

  /** @returns what was verified, or why not, and by which keys. @throws MoltbotError `issuer_unavailable` */
  async function verifyWithKeys(token: string): Promise<{ outcome: Verified | string; set: LocalJWKSet }> {
    const known = keys.current();
    const set = known ?? (await fetched());
    const outcome = await verifyWith(token, set);
    // Only the issuer knows whether it has got a new key; it is asked at most once per cooldown. While it takes its time,
    // invented keys must not take all places.
    if (outcome !== 'unknown key' || known === undefined || waiting >= maxPending / 2) return { outcome, set };
    waiting += 1;
    const isAsked = await keys.fetchAgain();
    waiting -= 1;
    if (!isAsked) return { outcome, set };
    const newer = keys.current() ?? set;
    return { outcome: await verifyWith(token, newer), set: newer };
  }

  async function fetched(): Promise<LocalJWKSet> {
    await keys.fetchAgain();
    const current = keys.current();
    if (current === undefined) throw new MoltbotError('issuer_unavailable', undefined, { retryAfterMs: 2_000 });
    return current;
  }

  async function verifyWith(token: string, set: LocalJWKSet): Promise<Verified | string> {
    try {
      const { payload, protectedHeader } = await verifySignature(token, set, {
        issuer: settings.issuer,
        audience: settings.audience,
        algorithms: [...settings.algorithms],
        clockTolerance: settings.clock_tolerance / 1_000,
        requiredClaims: ['exp', 'sub'],
        currentDate: new Date(clock()),
      });
      const { typ } = protectedHeader;
      if (typ !== undefined && !TYPES.has(typ.toLowerCase().replace(/^application\//, ''))) return 'type';
      const { sub, exp = Number.NaN } = payload;
      if (!Number.isFinite(exp)) return 'expiry';
      if (typeof sub !== 'string' || sub === '' || sub.length > MAX_SUBJECT) return 'subject';
      const keyId = subjectKeyId(settings.issuer, sub);
      return {
        keyId,
        identity: toIdentity({ settings, keyId, subject: sub, claims: payload }),
        expiresAt: exp * 1_000 + settings.clock_tolerance,
      };
    } catch (error) {
      return reasonOf(error);
    }
  }

  function admit({ keyId, identity }: Verified): Identity {
    if (identity !== undefined) return identity;
    throw new MoltbotError(
      'permission_denied',
      'This sign-in has no role that the server knows; the operator finds them under `server.oidc.roles`.',
      { cause: new Denial({ keyId, reason: 'no role' }) },
    );
  }

  return {
    verify,
    async prepare() {
      await keys.fetchAgain();
    },
  };
}

function isExposed(text: string): boolean {
  const { protocol, hostname } = new URL(text);
  return protocol !== 'https:' && hostname !== 'localhost' && hostname !== '[::1]' && !hostname.startsWith('127.');
}

/** A token that names no key is tried with each that could have signed it. */
async function verifySignature(token: string, set: LocalJWKSet, options: JWTVerifyOptions) {
  try {
    return await jwtVerify(token, set, options);
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
    let tries = 0;
    for await (const key of error) {
      tries += 1;
      if (tries > MOST_TRIES) break;
      try {
        return await jwtVerify(token, key, options);
      } catch (inner) {
        if (!(inner instanceof errors.JWSSignatureVerificationFailed)) throw inner;
      }
    }
    throw new errors.JWSSignatureVerificationFailed();
  }
}

/** For the audit log only: the caller is told nothing of it. */
function reasonOf(error: unknown): string {
  if (error instanceof errors.JWTExpired) return 'expired';
  if (error instanceof errors.JWTClaimValidationFailed) return `claim ${error.claim}`;
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'signature';
  if (error instanceof errors.JWKSNoMatchingKey) return 'unknown key';
  if (error instanceof errors.JOSEAlgNotAllowed) return 'algorithm';
  if (error instanceof errors.JOSENotSupported) return 'not supported';
  return 'malformed';
}

function invalid(reason: string): MoltbotError {
  return new MoltbotError('invalid_token', undefined, { cause: new Denial({ reason }) });
}
