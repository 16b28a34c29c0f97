import type { Secret } from '@moltbot/contracts';

/** What a token endpoint issued. */
export interface TokenSet {
  readonly accessToken: Secret;
  /** Unix ms by this machine's clock: when the answer came, plus `expires_in`. `undefined`: the server did not say. */
  readonly expiresAt: number | undefined;
  /** When it was issued, by the same clock. */
  readonly issuedAt: number;
  /** Missing where the server gave none (client credentials), or where it goes on taking the one before. */
  readonly refreshToken: Secret | undefined;
  /** As granted (RFC 6749 section 3.3); those that were asked for where the server did not say. */
  readonly scopes: readonly string[];
  /** `sub` and `email` of the ID token, where there was one. */
  readonly account: { readonly subject: string | undefined; readonly email: string | undefined } | undefined;
}

/** A sign-in that goes on in the person's browser. Plain data: it may be sealed and kept until the browser comes back. */
export interface PendingAuthorization {
  /** Where to send the browser. */
  readonly url: string;
  readonly redirectUri: string;
  readonly state: string;
  readonly codeVerifier: string;
  readonly nonce: string | undefined;
}

/** RFC 8628 section 3.2. */
export interface DeviceAuthorization {
  readonly deviceCode: Secret;
  readonly userCode: string;
  readonly verificationUri: string;
  readonly verificationUriComplete: string | undefined;
  /** Unix ms. */
  readonly expiresAt: number;
  readonly intervalMs: number;
}

/** What an authorization server says of a token now (RFC 7662 section 2.2). */
export interface TokenIntrospection {
  /** `false` also for a token that it never issued, or that this client may not ask about. */
  readonly active: boolean;
  /** Where it said so. */
  readonly scopes: readonly string[] | undefined;
  /** Unix ms by the server's clock. */
  readonly expiresAt: number | undefined;
}

/** One OAuth client at one authorization server. Every call is bounded, and rejects with `OAuthError`. */
export interface OAuthClient {
  /** Authorization code with PKCE S256 (RFC 7636), `state`, and `nonce` where `openid` is asked for. */
  beginAuthorization(options: {
    readonly redirectUri: string;
    readonly signal?: AbortSignal;
  }): Promise<PendingAuthorization>;
  /** @param options.callbackUrl as the browser was sent to, whole; checks `state` and `iss` (RFC 9207) */
  finishAuthorization(options: {
    readonly pending: PendingAuthorization;
    readonly callbackUrl: string;
    readonly signal?: AbortSignal;
  }): Promise<TokenSet>;
  beginDevice(options: { readonly signal?: AbortSignal }): Promise<DeviceAuthorization>;
  /** Polls until the person has agreed, refused or run out of time; obeys `slow_down`. */
  finishDevice(options: { readonly device: DeviceAuthorization; readonly signal?: AbortSignal }): Promise<TokenSet>;
  clientCredentials(options: { readonly signal?: AbortSignal }): Promise<TokenSet>;
  /** One request, never repeated by itself: a refresh token may be good for one use only. */
  refresh(options: { readonly refreshToken: Secret; readonly signal?: AbortSignal }): Promise<TokenSet>;
  /** RFC 7009. @returns whether the server has an endpoint for it */
  revoke(options: {
    readonly token: Secret;
    readonly kind: 'access_token' | 'refresh_token';
    readonly signal?: AbortSignal;
  }): Promise<boolean>;
  /** RFC 7662: asks, changes nothing. @returns `undefined` where the server has no endpoint for it */
  introspect(options: {
    readonly token: Secret;
    readonly kind: 'access_token' | 'refresh_token';
    readonly signal?: AbortSignal;
  }): Promise<TokenIntrospection | undefined>;
}
