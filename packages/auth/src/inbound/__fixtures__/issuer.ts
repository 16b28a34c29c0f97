import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, exportPKCS8, generateKeyPair, type JWK, SignJWT } from 'jose';

export interface IssuerKey {
  readonly kid: string;
  readonly algorithm: string;
  readonly publicJwk: JWK;
  readonly privateKey: CryptoKey;
  readonly privatePem: string;
}

/** An issuer as an organisation runs one: discovery and keys over HTTP, tokens signed with real keys. */
export interface Issuer {
  readonly url: string;
  readonly requests: string[];
  /** What its key set holds. */
  keys: IssuerKey[];
  /** Answers instead of it. */
  behaviour: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined;
  sign(options?: {
    readonly key?: IssuerKey;
    readonly header?: Record<string, unknown>;
    readonly claims?: Record<string, unknown>;
    /** Unix seconds. */
    readonly now?: number;
  }): Promise<string>;
  close(): Promise<void>;
}

export const AUDIENCE = 'https://moltbot.example';

export async function createIssuerKey(kid: string, algorithm = 'RS256'): Promise<IssuerKey> {
  const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true });
  return {
    kid,
    algorithm,
    publicJwk: { ...(await exportJWK(publicKey)), kid, alg: algorithm, use: 'sig' },
    privateKey,
    privatePem: await exportPKCS8(privateKey),
  };
}

export async function startIssuer(keys: IssuerKey[]): Promise<Issuer> {
  const server = createServer((request, response) => {
    issuer.requests.push(String(request.url));
    if (issuer.behaviour?.(request, response) === true) return;
    const document =
      request.url === '/jwks'
        ? { keys: issuer.keys.map(({ publicJwk }) => publicJwk) }
        : request.url === '/.well-known/openid-configuration'
          ? { issuer: issuer.url, jwks_uri: `${issuer.url}/jwks` }
          : undefined;
    response.writeHead(document === undefined ? 404 : 200, { 'content-type': 'application/json', connection: 'close' });
    response.end(JSON.stringify(document ?? {}));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const issuer: Issuer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: [],
    keys,
    behaviour: undefined,
    async sign({ key = issuer.keys[0], header = {}, claims = {}, now = Math.floor(Date.now() / 1_000) } = {}) {
      if (key === undefined) throw new Error('the issuer has no key');
      return new SignJWT({
        iss: issuer.url,
        aud: AUDIENCE,
        sub: 'person-1',
        iat: now,
        exp: now + 300,
        roles: ['engineer'],
        email: 'ann@example.org',
        ...claims,
      })
        .setProtectedHeader({ alg: key.algorithm, kid: key.kid, typ: 'at+jwt', ...header })
        .sign(key.privateKey);
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return issuer;
}
