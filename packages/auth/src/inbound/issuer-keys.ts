import type { OidcSettings } from '@moltbot/config';
import { createLocalJWKSet, type JSONWebKeySet, type LocalJWKSet } from 'jose';
import { fetchJson } from './fetch-json.js';

export interface IssuerKeysOptions {
  readonly settings: Pick<OidcSettings, 'issuer' | 'jwks_uri'>;
  readonly fetch: typeof globalThis.fetch;
  /** Milliseconds that only grow. */
  readonly elapsed: () => number;
  readonly timing?: Partial<IssuerKeysTiming>;
  /** Keys were withdrawn or replaced: what was verified with them no longer counts. */
  readonly onChange: () => void;
  readonly onFailure: (error: unknown) => void;
}

export interface IssuerKeysTiming {
  /** Keys older than this are fetched again, in the background. */
  readonly refreshMs: number;
  /** Least time between two fetches, whatever unknown keys tokens name. */
  readonly cooldownMs: number;
  /** The same while there are no keys to go by. */
  readonly retryMs: number;
  /** How long keys serve whose issuer does not answer any more. */
  readonly staleMs: number;
  /** For each of the two documents. */
  readonly timeoutMs: number;
}

const TIMING: IssuerKeysTiming = {
  refreshMs: 600_000,
  cooldownMs: 30_000,
  retryMs: 2_000,
  staleMs: 3_600_000,
  timeoutMs: 5_000,
};
const MOST_KEYS = 100;

/**
 * The keys of one issuer (RFC 7517), found by discovery or at `jwks_uri`. One fetch at a time, at most one per cooldown: a
 * flood of tokens with invented key ids costs the issuer nothing.
 */
export class IssuerKeys {
  readonly #options: IssuerKeysOptions;
  readonly #timing: IssuerKeysTiming;
  #keys: LocalJWKSet | undefined;
  /** What the keys were made from, to notice a change. */
  #text = '';
  #fetchedAt = Number.NEGATIVE_INFINITY;
  #triedAt = Number.NEGATIVE_INFINITY;
  #fetching: Promise<void> | undefined;

  constructor(options: IssuerKeysOptions) {
    this.#options = options;
    this.#timing = { ...TIMING, ...options.timing };
  }

  /** The keys to go by now; `undefined`: wait for `fetchAgain`. Looks for newer ones in the background when it is time. */
  current(): LocalJWKSet | undefined {
    const age = this.#options.elapsed() - this.#fetchedAt;
    if (age >= this.#timing.refreshMs) void this.fetchAgain();
    return age < this.#timing.staleMs ? this.#keys : undefined;
  }

  /** Fetches the keys unless that was done lately; never rejects. @returns whether a fetch was made or joined */
  async fetchAgain(): Promise<boolean> {
    if (this.#fetching !== undefined) {
      await this.#fetching;
      return true;
    }
    const now = this.#options.elapsed();
    const usable = now - this.#fetchedAt < this.#timing.staleMs;
    if (now - this.#triedAt < (usable ? this.#timing.cooldownMs : this.#timing.retryMs)) return false;
    this.#triedAt = now;
    this.#fetching = this.#fetch(now).finally(() => {
      this.#fetching = undefined;
    });
    await this.#fetching;
    return true;
  }

  async #fetch(startedAt: number): Promise<void> {
    const { settings, onChange, onFailure } = this.#options;
    try {
      const set = await this.#get(settings.jwks_uri ?? (await this.#discover()));
      const { keys } = set as { readonly keys?: unknown };
      if (!Array.isArray(keys) || keys.length === 0 || keys.length > MOST_KEYS) {
        throw new Error(`the issuer’s key set does not hold 1 to ${MOST_KEYS} keys`);
      }
      const text = JSON.stringify(set);
      if (text !== this.#text) {
        this.#keys = createLocalJWKSet(set as JSONWebKeySet);
        this.#text = text;
        onChange();
      }
      this.#fetchedAt = startedAt;
    } catch (error) {
      onFailure(error);
    }
  }

  /** OpenID Connect Discovery 1.0, 4.3: the document must be of the very issuer that was asked for. */
  async #discover(): Promise<string> {
    const { issuer } = this.#options.settings;
    const document = await this.#get(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`);
    const { issuer: named, jwks_uri: uri } = document as { readonly issuer?: unknown; readonly jwks_uri?: unknown };
    if (named !== issuer) throw new Error('the discovery document is of another issuer');
    const protocol = typeof uri === 'string' ? URL.parse(uri)?.protocol : undefined;
    // Who may change the way to the keys may sign tokens.
    if (typeof uri !== 'string' || (protocol !== 'https:' && protocol !== new URL(issuer).protocol)) {
      throw new Error('the discovery document names no address of keys that could be trusted');
    }
    return uri;
  }

  async #get(url: string): Promise<object> {
    const { fetch } = this.#options;
    const document = await fetchJson({ fetch, url, timeoutMs: this.#timing.timeoutMs });
    if (typeof document !== 'object' || document === null) throw new Error(`${url} answers no JSON object`);
    return document;
  }
}
