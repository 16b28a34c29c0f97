import type { OAuthEndpoints } from '@moltbot/config';

export interface AuthorizationUrlOptions {
  readonly endpoint: string;
  readonly clientId: string;
  readonly scopes: readonly string[];
  readonly redirectUri: string;
  readonly state: string;
  readonly nonce: string | undefined;
  readonly codeChallenge: string;
  readonly settings: Pick<OAuthEndpoints, 'audience' | 'resource' | 'authorize_params'>;
}

/** RFC 6749, 4.1.1, with PKCE (RFC 7636). `authorize_params` can add, but not replace what keeps a sign-in safe. */
export function toAuthorizationUrl(options: AuthorizationUrlOptions): string {
  const { settings, scopes, nonce } = options;
  const url = new URL(options.endpoint);
  const parameters: Record<string, string | undefined> = {
    audience: settings.audience,
    resource: settings.resource,
    ...settings.authorize_params,
    response_type: 'code',
    client_id: options.clientId,
    redirect_uri: options.redirectUri,
    scope: scopes.length === 0 ? undefined : scopes.join(' '),
    state: options.state,
    nonce,
    code_challenge: options.codeChallenge,
    code_challenge_method: 'S256',
  };
  for (const [name, value] of Object.entries(parameters)) {
    if (value === undefined) url.searchParams.delete(name);
    else url.searchParams.set(name, value);
  }
  url.hash = '';
  return url.href;
}
