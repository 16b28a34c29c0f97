import type { OAuthEndpoints, OAuthEntry, ProxyEnvironment } from '@moltbot/config';

/** All that one refresh needs, so that a process of its own can do it: what OAuth client, by which route. */
export interface RefreshOrder {
  readonly credentialId: string;
  readonly entry: OAuthEntry;
  readonly endpoints: OAuthEndpoints;
  readonly proxyEnvironment: ProxyEnvironment;
  readonly proxy: string | undefined;
  readonly caFile: string | undefined;
}
