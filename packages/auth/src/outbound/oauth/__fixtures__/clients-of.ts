import { Secret } from '@moltbot/contracts';
import type { AuthorizationServer } from '../../../testing/authorization-server.js';
import type { OAuthClient } from '../../oauth-client.js';
import { createOAuthClient, type OAuthClientOptions } from '../create-oauth-client.js';

/** Makes clients of each kind that the server knows. */
export const clientsOf =
  (server: () => AuthorizationServer) =>
  (name: 'public' | 'basic' | 'post' | 'privateKeyJwt', changes: Partial<OAuthClientOptions> = {}): OAuthClient => {
  const { clientId, clientSecret, privateKey, kid } = server().clients[name] as {
    clientId: string;
    clientSecret?: string;
    privateKey?: string;
    kid?: string;
  };
  return createOAuthClient({
    clientId,
    scopes: ['openid', 'email', 'model:read'],
    endpoints: {
      issuer: server().issuer,
      authorize_params: {},
      required_scopes: [],
      ...(name === 'post' ? { client_auth: 'client_secret_post' as const } : {}),
    },
    clientSecret: clientSecret === undefined ? undefined : new Secret(clientSecret),
    privateKey: privateKey === undefined ? undefined : new Secret(privateKey),
    privateKeyId: kid,
    fetch,
    ...changes,
  });
};
