import { hashApiKey, type Identity } from '@moltbot/auth';
import { hasScope, MoltbotError } from '@moltbot/contracts';
import type { IncomingHttpHeaders } from 'node:http';
import { z } from 'zod';
import { type CookieSealer, SealedCookie } from './sealed-cookie.js';

/** Who may see the pages for administrators. */
export interface Admin {
  /** `undefined`: access is open, so whoever gets here is this machine's user. */
  readonly identity: Identity | undefined;
  /** A Set-Cookie value that has to go out with the answer. */
  readonly renewal: string | undefined;
}

export interface AdminSessionsOptions {
  /** `checkSource` and `callersAreLocal` of the process's access. */
  readonly access: { checkSource(headers: IncomingHttpHeaders): void; readonly callersAreLocal: boolean };
  readonly sealer: () => CookieSealer | Promise<CookieSealer>;
  /** Who presents this key or token now. @throws MoltbotError where it is not (or no longer) good */
  readonly identify: (presented: string) => Identity | Promise<Identity>;
  /** Whose key has this hash now; `undefined` where it is not (or no longer) good. */
  readonly recall: (hash: string) => Promise<Identity | undefined>;
  /** Unix ms. */
  readonly clock?: () => number;
}

/** A session ends when it was not used for so long. */
const IDLE_S = 15 * 60;
/** And after a working day in any case. */
const LONGEST_MS = 12 * 3_600_000;
/** Used again sooner than this it is not written anew. */
const RENEW_AFTER_MS = 60_000;

const payloadSchema = z.object({
  /** The key's hash, so that the cookie holds no key; a token of the organisation stands for itself, it expires soon. */
  proof: z.union([z.object({ hash: z.string() }), z.object({ token: z.string() })]),
  keyId: z.string(),
  name: z.string(),
  startedAt: z.number(),
  usedAt: z.number(),
  secure: z.boolean(),
});
type Payload = z.output<typeof payloadSchema>;

/**
 * Sessions of people who administer this server with a browser: a sealed cookie, and nothing kept here, so that any primary
 * with the same key can go on. Whether the key behind it is still good, and still for administrators, is looked up at each use.
 */
export class AdminSessions {
  readonly #options: AdminSessionsOptions;
  readonly #clock: () => number;
  readonly #cookie = new SealedCookie<Payload>({
    name: 'moltbot_session',
    context: 'cookie session',
    parse: (value) => payloadSchema.safeParse(value).data,
  });

  constructor(options: AdminSessionsOptions) {
    this.#options = options;
    this.#clock = options.clock ?? Date.now;
  }

  /** Whether there is something to sign in to: not where access is open. */
  get areNeeded(): boolean {
    return !this.#options.access.callersAreLocal;
  }

  /**
   * Begins a session.
   * @returns the Set-Cookie value
   * @throws MoltbotError `forbidden_origin`, `invalid_api_key`, `invalid_token`, `permission_denied`, `storage_unavailable`,
   * `secret_key_unavailable`
   */
  async begin(options: {
    readonly presented: string;
    readonly secure: boolean;
    readonly headers: IncomingHttpHeaders;
  }): Promise<string> {
    const { presented, secure, headers } = options;
    this.#options.access.checkSource(headers);
    const identity = requireAdmin(await this.#options.identify(presented));
    const now = this.#clock();
    const proof = presented.startsWith('mb_') ? { hash: hashApiKey(presented) } : { token: presented };
    const { keyId, name } = identity;
    const payload = { proof, keyId, name, startedAt: now, usedAt: now, secure };
    const cookie = await this.#write(payload);
    if (cookie !== undefined) return cookie;
    throw new MoltbotError('invalid_token', 'The token is too long for a session: use an API key.');
  }

  /**
   * For any page for administrators.
   * @throws MoltbotError `authentication_required` (no session, or it ended), `permission_denied`, `forbidden_origin`, `storage_unavailable`
   */
  async require(headers: IncomingHttpHeaders): Promise<Admin> {
    this.#options.access.checkSource(headers);
    if (!this.areNeeded) return { identity: undefined, renewal: undefined };
    if (!this.#cookie.isIn(headers.cookie)) throw new MoltbotError('authentication_required');
    const payload = this.#cookie.read(headers.cookie, await this.#options.sealer());
    const now = this.#clock();
    if (payload === undefined || now >= endOf(payload)) throw new MoltbotError('authentication_required');
    const identity = requireAdmin(await this.#identityOf(payload));
    if (identity.keyId !== payload.keyId) throw new MoltbotError('authentication_required');
    const renewed = now - payload.usedAt < RENEW_AFTER_MS ? undefined : await this.#write({ ...payload, usedAt: now });
    return { identity, renewal: renewed };
  }

  /** @returns a Set-Cookie value that ends the session in this browser */
  end(): string {
    return this.#cookie.clear();
  }

  async #identityOf({ proof }: Payload): Promise<Identity> {
    if ('token' in proof) return this.#options.identify(proof.token);
    const identity = await this.#options.recall(proof.hash);
    if (identity === undefined) throw new MoltbotError('authentication_required');
    return identity;
  }

  async #write(payload: Payload): Promise<string | undefined> {
    return this.#cookie.write(payload, {
      sealer: await this.#options.sealer(),
      maxAgeS: IDLE_S,
      secure: payload.secure,
    });
  }
}

/** The browser forgets it then too, but is not believed. */
function endOf({ startedAt, usedAt }: Payload): number {
  return Math.min(usedAt + IDLE_S * 1_000, startedAt + LONGEST_MS);
}

function requireAdmin(identity: Identity): Identity {
  if (hasScope(identity.scopes, 'admin')) return identity;
  throw new MoltbotError('permission_denied', `${identity.name} lacks the scope \`admin\`.`);
}
