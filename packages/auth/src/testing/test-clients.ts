import { generateKeyPairSync, randomBytes } from 'node:crypto';

/** How a program signs in at the authorization server of the tests. */
export interface TestClient {
  readonly clientId: string;
  /** Of `basic` and `post`. */
  readonly clientSecret?: string;
  /** PKCS #8 PEM, of `privateKeyJwt`. */
  readonly privateKey?: string;
  readonly kid?: string;
}

/** One of each way to prove oneself; each may use authorization code, refresh, device code; all but `public` client credentials. */
export interface TestClients {
  readonly public: TestClient;
  readonly basic: Required<Pick<TestClient, 'clientId' | 'clientSecret'>>;
  readonly post: Required<Pick<TestClient, 'clientId' | 'clientSecret'>>;
  readonly privateKeyJwt: Required<Pick<TestClient, 'clientId' | 'privateKey' | 'kid'>>;
}

const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code';

/** @returns the clients as a program knows them, and as the server registers them */
export function makeClients(redirectUris: readonly string[]) {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const kid = 'test-client-key';
  // `:`, `%`, `+` and `-` tell apart whether Basic is percent-encoded as RFC 6749 section 2.3.1 asks.
  const secret = () => `s3:%+-${randomBytes(24).toString('base64url')}`;
  const clients: TestClients = {
    public: { clientId: 'moltbot-public' },
    basic: { clientId: 'moltbot-basic', clientSecret: secret() },
    post: { clientId: 'moltbot-post', clientSecret: secret() },
    privateKeyJwt: {
      clientId: 'moltbot-key',
      privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      kid,
    },
  };
  const shared = {
    // "native" takes loopback redirects on any port (RFC 8252 section 7.3).
    application_type: 'native',
    redirect_uris: redirectUris,
    response_types: ['code'],
    grant_types: ['authorization_code', 'refresh_token', DEVICE_CODE, 'client_credentials'],
  };
  const registered = [
    {
      ...shared,
      client_id: clients.public.clientId,
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token', DEVICE_CODE],
    },
    {
      ...shared,
      client_id: clients.basic.clientId,
      client_secret: clients.basic.clientSecret,
      token_endpoint_auth_method: 'client_secret_basic',
    },
    {
      ...shared,
      client_id: clients.post.clientId,
      client_secret: clients.post.clientSecret,
      token_endpoint_auth_method: 'client_secret_post',
    },
    {
      ...shared,
      client_id: clients.privateKeyJwt.clientId,
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [{ ...publicKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'ES256' }] },
    },
  ];
  return { clients, registered };
}
