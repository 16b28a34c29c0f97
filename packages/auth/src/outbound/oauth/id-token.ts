import {
  createRemoteJWKSet,
  customFetch,
  decodeJwt,
  errors,
  type JWTPayload,
  jwtVerify,
  type RemoteJWKSet,
} from 'jose';
import type { AuthorizationServer } from 'oauth4webapi';
import type { TokenSet } from '../oauth-client.js';
import { OAuthError } from '../oauth-error.js';
import type { Exchange } from './exchange.js';

/** No shared secrets and no `none`: whoever can check such a signature could have made it. */
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];
const CLOCK_TOLERANCE_S = 30;

type Account = NonNullable<TokenSet['account']>;

interface VerifyOptions {
  readonly server: AuthorizationServer;
  readonly idToken: string;
  /** `undefined`: none was sent, so none is asked for. */
  readonly nonce: string | undefined;
  /** When the token came, by the server's own clock as far as it told it: a wrong clock here is no reason to refuse. */
  readonly serverNow: number;
}

export interface IdTokens {
  /** Fetches the keys while nothing is lost yet if that fails. */
  prepare(server: AuthorizationServer): Promise<void>;
  /** OpenID Connect Core 3.1.3.7. @throws OAuthError */
  accountOf(options: VerifyOptions): Promise<Account>;
  /**
   * Without a request, for a token that came straight from the token endpoint: there TLS stands in for the signature (3.1.3.7, 6).
   * `undefined` where it is not for us.
   */
  accountAfterRefresh(options: { readonly idToken: string; readonly issuer: string }): Account | undefined;
}

export function createIdTokens(options: {
  readonly clientId: string;
  readonly exchange: Exchange;
  readonly timeoutMs: number;
}): IdTokens {
  const { clientId, exchange, timeoutMs } = options;
  const sets = new Map<string, RemoteJWKSet>();

  function keysOf(server: AuthorizationServer): RemoteJWKSet {
    const url = server.jwks_uri;
    if (url === undefined) throw badAnswer('The authorization server names no keys (`jwks_uri`).');
    let keys = sets.get(url);
    if (keys === undefined) {
      keys = createRemoteJWKSet(new URL(url), { timeoutDuration: timeoutMs, [customFetch]: fetchKeys });
      sets.set(url, keys);
    }
    return keys;
  }

  async function fetchKeys(url: string, { headers, signal }: { headers: Headers; signal: AbortSignal }) {
    const what = 'key endpoint';
    const answer = await exchange({
      what,
      url,
      method: 'GET',
      headers: Object.fromEntries(headers),
      secrets: [],
      applies: false,
      signal,
    });
    return Response.json(answer.json ?? {});
  }

  return {
    async prepare(server) {
      const keys = keysOf(server);
      if (!keys.fresh) await keys.reload().catch(rethrow);
    },
    async accountOf({ server, idToken, nonce, serverNow }) {
      const supported = server.id_token_signing_alg_values_supported;
      const { payload } = await jwtVerify(idToken, keysOf(server), {
        issuer: server.issuer,
        audience: clientId,
        algorithms: supported === undefined ? ALGORITHMS : ALGORITHMS.filter((name) => supported.includes(name)),
        clockTolerance: CLOCK_TOLERANCE_S,
        currentDate: new Date(serverNow),
        requiredClaims: ['sub', 'exp', 'iat'],
      }).catch(rethrow);
      if (nonce !== undefined && payload['nonce'] !== nonce)
        throw badAnswer('The ID token is of another sign-in (`nonce`).');
      const { aud, azp } = payload as JWTPayload & { azp?: unknown };
      if (azp === undefined ? Array.isArray(aud) && aud.length > 1 : azp !== clientId) {
        throw badAnswer('The ID token is meant for another client (`azp`).');
      }
      return toAccount(payload);
    },
    accountAfterRefresh({ idToken, issuer }) {
      try {
        const { iss, aud, ...payload } = decodeJwt(idToken);
        const isOurs = [aud].flat().includes(clientId) && URL.parse(iss ?? '')?.href === URL.parse(issuer)?.href;
        return isOurs ? toAccount(payload) : undefined;
      } catch {
        return undefined;
      }
    },
  };
}

function toAccount(payload: JWTPayload): Account {
  const { email } = payload;
  const isEmail =
    typeof email === 'string' && /^[^\s\p{Cc}]{1,320}$/u.test(email) && payload['email_verified'] !== false;
  const subject = typeof payload.sub === 'string' ? payload.sub.replaceAll(/\p{Cc}/gu, '').slice(0, 255) : undefined;
  return { subject, email: isEmail ? email : undefined };
}

/** What the library adds to its errors (the whole payload) is left out. */
function rethrow(error: unknown): never {
  if (error instanceof OAuthError) throw error;
  const claim =
    error instanceof errors.JWTClaimValidationFailed || error instanceof errors.JWTExpired ? error.claim : '';
  const code = error instanceof errors.JOSEError ? error.code : 'unreadable';
  throw badAnswer(`The ID token of the authorization server is not valid (${claim === '' ? code : `\`${claim}\``}).`);
}

function badAnswer(message: string): OAuthError {
  return new OAuthError(message, { failure: 'bad-answer', maybeApplied: true });
}
