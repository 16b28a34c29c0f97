import type { OAuthClientOptions, RefreshClaim } from '@moltbot/auth';
import { Secret } from '@moltbot/contracts';
import type { NetworkOptions } from '@moltbot/network';
import type { DatabaseConnection } from '@moltbot/storage';

/** All that one refresh needs, so that a process of its own can do it: what for, by which client and route, kept where. */
export interface RefreshOrder {
  readonly credentialId: string;
  readonly claim: RefreshClaim;
  readonly grant: 'refresh_token' | 'client_credentials';
  readonly client: OAuthClientSettings;
  readonly network: NetworkOptions;
  readonly store: TokenStoreAddress;
  /** base64; the first one seals, all open. */
  readonly keys: readonly Secret[];
  /** `credentials.refresh_timeout` */
  readonly timeoutMs: number;
  /** How long a new pair is held on to while the store is away. */
  readonly keepTryingMs: number;
}

/** An entry of auth.json with its references resolved, and its provider's endpoints. */
export type OAuthClientSettings = Pick<
  OAuthClientOptions,
  'clientId' | 'scopes' | 'endpoints' | 'clientSecret' | 'privateKey' | 'privateKeyId'
>;

/** How another process gets at the same rows. */
export type TokenStoreAddress =
  | { readonly kind: 'file'; readonly directory: string }
  | { readonly kind: 'storage'; readonly connection: DatabaseConnection }
  | { readonly kind: 'redis'; readonly url: Secret };

const SECRET = '\u0000secret';

/** For the pipe to the refresh process only: secrets stand in it in the clear. */
export function formatRefreshOrder(order: RefreshOrder): string {
  return JSON.stringify(order, function (this: Readonly<Record<string, unknown>>, name, value: unknown) {
    const original = this[name];
    return original instanceof Secret ? { [SECRET]: original.reveal() } : value;
  });
}

/** @throws SyntaxError for what was cut off */
export function parseRefreshOrder(text: string): RefreshOrder {
  return JSON.parse(text, (_name, value: unknown) => {
    const revealed = typeof value === 'object' && value !== null && SECRET in value ? value[SECRET] : undefined;
    return typeof revealed === 'string' ? new Secret(revealed) : value;
  }) as RefreshOrder;
}
