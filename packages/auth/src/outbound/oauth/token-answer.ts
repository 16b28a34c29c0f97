import { Secret } from '@moltbot/contracts';
import { OAuthError } from '../oauth-error.js';
import type { TokenSet } from '../oauth-client.js';
import type { Answer } from './exchange.js';

/** Nobody means more than ten years by a lifetime. */
const LONGEST_LIFE_S = 315_360_000;
const SHORTEST_LIFE_S = 1;
/** What an Authorization header takes. */
const HEADER_TEXT = /^[\x21-\x7e]+$/;
const UNUSABLE_TYPES = new Set(['dpop', 'mac', 'pop', 'n_a']);
const MOST_SCOPES = 1_000;

/**
 * What a token endpoint issued (RFC 6749, 5.1). Lenient where that loses nothing: a rotated refresh token that is thrown away
 * because of an odd `expires_in` beside it can't be had again.
 * @throws OAuthError `bad-answer`
 */
export function toTokenSet(options: {
  readonly answer: Answer;
  readonly host: string;
  readonly asked: readonly string[];
}): TokenSet & { readonly idToken: string | undefined } {
  const { answer, host, asked } = options;
  const json = answer.json ?? {};
  const accessToken = json['access_token'];
  if (typeof accessToken !== 'string' || !HEADER_TEXT.test(accessToken)) {
    throw badAnswer(`The token endpoint at ${host} answered without an access token.`);
  }
  const type = json['token_type'];
  if (typeof type === 'string' && UNUSABLE_TYPES.has(type.toLowerCase())) {
    throw badAnswer(`The token endpoint at ${host} issued a token that is no bearer token.`);
  }
  const life = lifeOf(json['expires_in']);
  // Less than a second is no life: believed, it would be refreshed again and again without a break. Some say 0 for no end.
  const isSaid = life !== undefined && life >= SHORTEST_LIFE_S;
  const refreshToken = json['refresh_token'];
  const idToken = json['id_token'];
  return {
    accessToken: new Secret(accessToken),
    issuedAt: answer.receivedAt,
    expiresAt: isSaid ? answer.receivedAt + life * 1_000 : undefined,
    refreshToken: typeof refreshToken === 'string' && refreshToken !== '' ? new Secret(refreshToken) : undefined,
    scopes: scopesOf(json['scope']) ?? asked,
    account: undefined,
    idToken: typeof idToken === 'string' && idToken !== '' ? idToken : undefined,
  };
}

/** Seconds, also as text; `undefined`: not said, or nothing that could be meant. */
export function lifeOf(value: unknown): number | undefined {
  const seconds = typeof value === 'string' && /^\s*\d+(\.\d+)?\s*$/.test(value) ? Number(value) : value;
  if (typeof seconds !== 'number' || !Number.isFinite(seconds) || seconds < 0) return undefined;
  return Math.min(seconds, LONGEST_LIFE_S);
}

/** Scopes as a server wrote them; `undefined`: it did not say. */
export function scopesOf(value: unknown): readonly string[] | undefined {
  const words = Array.isArray(value) ? value.filter((word) => typeof word === 'string') : undefined;
  const text = typeof value === 'string' ? value : words?.join(' ');
  // An empty `scope` says as little as none.
  const found = text?.split(/[\s,]+/).filter((scope) => scope !== '' && HEADER_TEXT.test(scope));
  return found === undefined || found.length === 0 ? undefined : [...new Set(found)].slice(0, MOST_SCOPES);
}

function badAnswer(message: string): OAuthError {
  return new OAuthError(message, { failure: 'bad-answer', status: 200, maybeApplied: true });
}
