import { MoltbotError } from '@moltbot/contracts';
import type { KeyLimits } from '@moltbot/config';
import type { Identity } from './identity.js';
import { checkApiKeyFormat, hashApiKey, sameApiKeyHash } from './api-key.js';
import { BoundedMap } from './bounded-map.js';
import { ChangeWatch } from './change-watch.js';
import { Denial } from './denial.js';
import { within } from './within.js';

/** What storage knows of a key. Times are Unix ms. */
export interface ApiKeyRow {
  readonly id: string;
  readonly name: string;
  /** As `hashApiKey` gives it. */
  readonly hash: string;
  readonly scopes: readonly string[];
  /** Models and chains that may be named; all where not set. */
  readonly models?: readonly string[] | undefined;
  readonly limits?: KeyLimits | undefined;
  readonly expiresAt?: number | undefined;
  readonly revokedAt?: number | undefined;
}

export type ApiKeyVerifierEvent =
  /** Storage did not answer, and a key that was verified earlier was let in. */
  | { readonly type: 'api-key-grace'; readonly keyId: string; readonly verifiedMsAgo: number }
  | { readonly type: 'api-key-lookup-failed'; readonly error: unknown };

export interface ApiKeyVerifierOptions {
  /** Finds a key by its hash; `undefined` where there is none; rejects where storage does not answer. */
  readonly lookup: (hash: string) => Promise<ApiKeyRow | undefined>;
  /** Another value after each change of any key: while it answers, a change takes effect within `changeLagMs`. */
  readonly version?: () => Promise<unknown>;
  readonly changeLagMs?: number;
  /** Unix ms, for keys that expire. */
  readonly clock?: () => number;
  /** Milliseconds that only grow, for all else: a clock that is set must not keep a revoked key alive. */
  readonly elapsed?: () => number;
  /** How long a found key is taken without asking again, whatever `version` says. */
  readonly cacheTtlMs?: number;
  /** How long an unknown, revoked or expired key is refused without asking again. */
  readonly negativeTtlMs?: number;
  /** Bound of each of the two caches (found, refused). */
  readonly maxEntries?: number;
  /** While storage is down, a key verified this recently is let in. */
  readonly graceMs?: number;
  /** A look-up that takes longer counts as failed. */
  readonly lookupTimeoutMs?: number;
  /** Different keys looked up at the same time; further ones are refused as `overloaded`. */
  readonly maxPending?: number;
  readonly onEvent?: (event: ApiKeyVerifierEvent) => void;
}

export interface ApiKeyVerifier {
  /**
   * Synchronous while the key is in the cache.
   * @throws MoltbotError (thrown or rejected) `authentication_required`, `invalid_api_key`, `storage_unavailable`, `overloaded`
   */
  verify(presented: string | undefined): Identity | Promise<Identity>;
  /** The same for a key of which only the hash was kept. */
  verifyHash(hash: string): Identity | Promise<Identity>;
  /** Forgets a key, after a revocation in this process. */
  invalidate(keyId: string): void;
}

interface Known {
  readonly identity: Identity;
  /** Unix ms. */
  readonly expiresAt: number;
  /** When storage last said so; this and the next are of the clock that only grows. */
  readonly verifiedAt: number;
  /** Served without a look-up until then, */
  freshUntil: number;
  /** and as long as nothing has changed. */
  generation: number;
}

interface Refused {
  readonly until: number;
  readonly denial: Denial;
}

/** After a failed look-up, known keys are served for this long before storage is asked again. */
const RETRY_STORAGE_AFTER_MS = 1_000;

const WRONG_FORMAT = {
  malformed: 'This is not an API key of this server: a key starts with `mb_` and is 52 characters long.',
  checksum: 'The API key has a typo or is cut off: its checksum does not match.',
} as const;

export function createApiKeyVerifier(options: ApiKeyVerifierOptions): ApiKeyVerifier {
  const clock = options.clock ?? Date.now;
  const elapsed = options.elapsed ?? (() => performance.now());
  const cacheTtlMs = options.cacheTtlMs ?? 30_000;
  const negativeTtlMs = options.negativeTtlMs ?? 5_000;
  const maxEntries = options.maxEntries ?? 10_000;
  const graceMs = options.graceMs ?? 600_000;
  const lookupTimeoutMs = options.lookupTimeoutMs ?? 2_000;
  const maxPending = options.maxPending ?? 1_000;
  const onEvent = options.onEvent ?? (() => {});

  // Two caches, so that a flood of random keys can't push the good ones out.
  const known = new BoundedMap<string, Known>({ maxEntries });
  const refused = new BoundedMap<string, Refused>({ maxEntries });
  const pending = new Map<string, Promise<Identity>>();
  let generation = 0;
  const watch =
    options.version === undefined
      ? undefined
      : new ChangeWatch({
          version: options.version,
          elapsed,
          lagMs: options.changeLagMs ?? 1_000,
          onChange() {
            generation += 1;
            refused.clear();
          },
          onError: (error) => onEvent({ type: 'api-key-lookup-failed', error }),
        });

  function verify(presented: string | undefined): Identity | Promise<Identity> {
    if (presented === undefined || presented === '') throw new MoltbotError('authentication_required');
    const format = checkApiKeyFormat(presented);
    if (format !== 'ok') {
      throw new MoltbotError('invalid_api_key', WRONG_FORMAT[format], { cause: new Denial({ reason: format }) });
    }
    return verifyHash(hashApiKey(presented));
  }

  function verifyHash(hash: string): Identity | Promise<Identity> {
    const now = elapsed();
    const entry = known.get(hash);
    if (entry !== undefined && isFresh(entry, now)) {
      const looking = watch?.look(now);
      return looking === undefined ? admit(entry, now) : looking.then(() => verifyAfterLook(hash));
    }
    if (entry === undefined) {
      const refusal = refused.get(hash);
      if (refusal !== undefined) {
        if (now < refusal.until) throw invalid(refusal.denial);
        refused.delete(hash);
      }
    }
    return find(hash, entry, now);
  }

  function verifyAfterLook(hash: string): Identity | Promise<Identity> {
    const now = elapsed();
    const entry = known.get(hash);
    return entry !== undefined && isFresh(entry, now) ? admit(entry, now) : find(hash, entry, now);
  }

  /** @throws MoltbotError `invalid_api_key` where it has expired */
  function isFresh(entry: Known, now: number): boolean {
    if (hasExpired(entry)) throw invalid(new Denial({ keyId: entry.identity.keyId, reason: 'expired' }));
    return entry.generation === generation && now < entry.freshUntil;
  }

  function find(hash: string, entry: Known | undefined, now: number): Identity | Promise<Identity> {
    const joined = pending.get(hash);
    if (joined !== undefined) return joined;
    // Known keys are bounded already, and a flood of others must not keep a revoked one alive.
    if (entry === undefined && pending.size >= maxPending) {
      throw new MoltbotError('overloaded', 'Too many API keys are being looked up at the same time.');
    }
    const first = watch?.first(now);
    if (first === undefined) void watch?.look(now);
    const asking = first === undefined ? ask(hash, entry) : first.then(() => ask(hash, entry));
    const lookup = asking.finally(() => pending.delete(hash));
    pending.set(hash, lookup);
    return lookup;
  }

  function hasExpired({ expiresAt }: Pick<Known, 'expiresAt'>): boolean {
    return expiresAt !== Number.POSITIVE_INFINITY && clock() >= expiresAt;
  }

  function admit(entry: Known, now: number): Identity {
    const verifiedMsAgo = now - entry.verifiedAt;
    if (verifiedMsAgo >= cacheTtlMs) onEvent({ type: 'api-key-grace', keyId: entry.identity.keyId, verifiedMsAgo });
    return entry.identity;
  }

  async function ask(hash: string, entry: Known | undefined): Promise<Identity> {
    const asked = generation;
    let row: ApiKeyRow | undefined;
    try {
      row = await within(options.lookup(hash), lookupTimeoutMs);
    } catch (error) {
      onEvent({ type: 'api-key-lookup-failed', error });
      const now = elapsed();
      // Invalidated while storage was asked: what was known before doesn't count any more.
      const usable = entry !== undefined && known.get(hash) === entry;
      if (usable && now - entry.verifiedAt < graceMs && !hasExpired(entry)) {
        entry.freshUntil = Math.min(now + RETRY_STORAGE_AFTER_MS, entry.verifiedAt + graceMs);
        entry.generation = generation;
        return admit(entry, now);
      }
      throw new MoltbotError('storage_unavailable', 'The API key could not be checked: the database does not answer.', {
        cause: error,
        retryAfterMs: RETRY_STORAGE_AFTER_MS,
      });
    }
    const now = elapsed();
    known.delete(hash);
    const expiresAt = row?.expiresAt ?? Number.POSITIVE_INFINITY;
    const denial = whyNot(row, hash, hasExpired({ expiresAt }));
    if (row === undefined || denial !== undefined) {
      if (asked === generation) refused.set(hash, { until: now + negativeTtlMs, denial: denial ?? UNKNOWN });
      throw invalid(denial ?? UNKNOWN);
    }
    const identity: Identity = Object.freeze({
      keyId: row.id,
      name: row.name,
      scopes: Object.freeze([...row.scopes]),
      models: row.models,
      limits: row.limits,
    });
    // A row read before an invalidation may be older than the revocation: good for nothing but to be asked again.
    if (asked === generation) {
      known.set(hash, { identity, expiresAt, verifiedAt: now, freshUntil: now + cacheTtlMs, generation });
      return identity;
    }
    return ask(hash, undefined);
  }

  return {
    verify,
    verifyHash,
    invalidate(keyId) {
      generation += 1;
      for (const [hash, entry] of known) if (entry.identity.keyId === keyId) known.delete(hash);
    },
  };
}

const UNKNOWN = new Denial({ reason: 'unknown' });

function whyNot(row: ApiKeyRow | undefined, hash: string, expired: boolean): Denial | undefined {
  if (row === undefined || !sameApiKeyHash(row.hash, hash)) return UNKNOWN;
  if (row.revokedAt !== undefined) return new Denial({ keyId: row.id, reason: 'revoked' });
  return expired ? new Denial({ keyId: row.id, reason: 'expired' }) : undefined;
}

function invalid(denial: Denial): MoltbotError {
  const message = denial.facts.reason === 'expired' ? 'The API key has expired.' : undefined;
  return new MoltbotError('invalid_api_key', message, { cause: denial });
}
