/** What the tests use of oidc-provider, which comes without types. */
declare module 'oidc-provider' {
  import type { IncomingMessage, ServerResponse } from 'node:http';

  export interface Grant {
    addOIDCScope(scope: string): void;
    rejectOIDCScope(scope: string): void;
    addResourceScope(resource: string, scope: string): void;
    save(): Promise<string>;
  }

  export interface StoredToken {
    readonly grantId?: string;
    readonly isValid: boolean;
    /** Unix seconds. */
    readonly exp: number;
  }

  interface TokenModel {
    find(token: string, options?: { readonly ignoreExpiration: boolean }): Promise<StoredToken | undefined>;
  }

  export interface Interaction {
    readonly params: { readonly client_id: string; readonly scope?: string; readonly resource?: string | string[] };
    readonly session?: { readonly accountId: string };
  }

  export interface Context {
    readonly oidc: { readonly params?: { readonly grant_type?: string } };
  }

  export interface ProviderError extends Error {
    readonly error_detail?: string;
  }

  export class Provider {
    constructor(issuer: string, configuration: object);
    readonly Grant: new (facts: {
      accountId: string;
      clientId: string;
    }) => Grant;
    readonly AccessToken: TokenModel;
    readonly ClientCredentials: TokenModel;
    readonly RefreshToken: TokenModel;
    callback(): (request: IncomingMessage, response: ServerResponse) => Promise<void>;
    interactionDetails(request: IncomingMessage, response: ServerResponse): Promise<Interaction>;
    interactionFinished(request: IncomingMessage, response: ServerResponse, result: object): Promise<void>;
    on(event: 'grant.success', listener: (context: Context) => void): this;
    on(event: 'grant.error', listener: (context: Context, error: ProviderError) => void): this;
    on(event: 'server_error', listener: (context: Context, error: Error) => void): this;
  }
}
