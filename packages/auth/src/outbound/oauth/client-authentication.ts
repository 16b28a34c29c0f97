import { createPrivateKey, type KeyObject, randomUUID } from 'node:crypto';
import type { OAuthEndpoints } from '@moltbot/config';
import type { Secret } from '@moltbot/contracts';
import { SignJWT } from 'jose';
import { type ClientAuth, ClientSecretPost, None } from 'oauth4webapi';
import { OAuthError } from '../oauth-error.js';

type Method = NonNullable<OAuthEndpoints['client_auth']>;

export interface ClientAuthenticationOptions {
  readonly clientId: string;
  /** From the configuration; else by what the client has. */
  readonly method: Method | undefined;
  readonly clientSecret: Secret | undefined;
  /** PEM: PKCS #8, PKCS #1 or SEC 1. */
  readonly privateKey: Secret | undefined;
  readonly privateKeyId: string | undefined;
  readonly now: () => number;
}

const ASSERTION_LIFE_S = 60;
const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/**
 * How the client proves itself at a server that takes these methods (`token_endpoint_auth_methods_supported`).
 * @throws OAuthError `misconfigured`
 */
export function createClientAuthentication(
  options: ClientAuthenticationOptions,
): (supported: readonly string[] | undefined) => ClientAuth {
  const { clientId, clientSecret, now, privateKeyId } = options;
  let signing: SigningKey | undefined;

  return (supported) => {
    const method = options.method ?? defaultMethod(options, supported);
    switch (method) {
      case 'none':
        return None();
      case 'client_secret_basic':
        return basic(clientId, required(clientSecret, '`client_secret`', method));
      case 'client_secret_post':
        return ClientSecretPost(required(clientSecret, '`client_secret`', method).reveal());
      case 'private_key_jwt': {
        const pem = required(options.privateKey, '`private_key`', method);
        signing ??= toSigningKey(pem);
        return assertion({ clientId, signing, kid: privateKeyId, now });
      }
    }
  };
}

function defaultMethod(
  { privateKey, clientSecret }: ClientAuthenticationOptions,
  supported: readonly string[] | undefined,
): Method {
  if (privateKey !== undefined) return 'private_key_jwt';
  if (clientSecret === undefined) return 'none';
  const postOnly = supported?.includes('client_secret_post') === true && !supported.includes('client_secret_basic');
  return postOnly ? 'client_secret_post' : 'client_secret_basic';
}

function required(secret: Secret | undefined, name: string, method: Method): Secret {
  if (secret !== undefined && secret.reveal() !== '') return secret;
  throw misconfigured(`The client signs in with ${method}, but its entry in auth.json has no ${name}.`);
}

/**
 * RFC 6749, 2.3.1. The library escapes `-`, `.` and `_` too; a server that undoes the escapes reads both alike, and one that (against
 * the RFC) does not reads ours.
 */
function basic(clientId: string, secret: Secret): ClientAuth {
  return (_server, _client, _body, headers) => {
    const pair = `${encodeURIComponent(clientId)}:${encodeURIComponent(secret.reveal())}`;
    headers.set('authorization', `Basic ${Buffer.from(pair).toString('base64')}`);
  };
}

interface SigningKey {
  readonly key: KeyObject;
  readonly algorithm: string;
}

const EC_ALGORITHMS: Readonly<Record<string, string>> = { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' };
const SMALLEST_RSA = 2_048;

function toSigningKey(pem: Secret): SigningKey {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem.reveal());
  } catch {
    // The cause would tell parts of the text.
    throw misconfigured('`private_key` is not an unencrypted private key in PEM.');
  }
  const algorithm = algorithmOf(key);
  if (algorithm === undefined) {
    throw misconfigured('`private_key` must be RSA of at least 2048 bits, EC on P-256, P-384 or P-521, or Ed25519.');
  }
  return { key, algorithm };
}

function algorithmOf(key: KeyObject): string | undefined {
  const { modulusLength = 0, namedCurve = '' } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return modulusLength >= SMALLEST_RSA ? 'RS256' : undefined;
    case 'ec':
      return EC_ALGORITHMS[namedCurve];
    case 'ed25519':
      return 'EdDSA';
    default:
      return undefined;
  }
}

/** RFC 7523, 2.2. */
function assertion(options: {
  readonly clientId: string;
  readonly signing: SigningKey;
  readonly kid: string | undefined;
  readonly now: () => number;
}): ClientAuth {
  const { clientId, signing, kid, now } = options;
  return async (server, _client, body) => {
    const seconds = Math.floor(now() / 1_000);
    const jwt = new SignJWT({ jti: randomUUID() })
      .setProtectedHeader({ alg: signing.algorithm, ...(kid === undefined ? {} : { kid }) })
      .setIssuer(clientId)
      .setSubject(clientId)
      .setAudience(server.issuer)
      .setIssuedAt(seconds)
      .setExpirationTime(seconds + ASSERTION_LIFE_S);
    body.set('client_id', clientId);
    body.set('client_assertion_type', ASSERTION_TYPE);
    body.set('client_assertion', await jwt.sign(signing.key));
  };
}

function misconfigured(message: string): OAuthError {
  return new OAuthError(message, { failure: 'misconfigured', maybeApplied: false });
}
