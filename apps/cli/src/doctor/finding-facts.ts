/**
 * What each kind of finding says, by its stable code. The texts are in `texts/`; no fact ever holds a secret, a login, or
 * a query. Hosts are `host:port`, times are Unix ms.
 */
export interface FindingFacts {
  // The machine and its files.
  'node-too-old': { readonly found: string; readonly needed: string };
  'home-not-writable': { readonly path: string; readonly code: string };
  'auth-file-mode': { readonly path: string; readonly mode: string };
  'secret-key-mode': { readonly path: string; readonly mode: string };
  'config-mistake': { readonly place: string; readonly detail: string };
  'config-remark': { readonly remark: string };
  'disk-full': { readonly path: string; readonly free: string };
  'disk-low': { readonly path: string; readonly free: string };
  'port-taken': { readonly port: number; readonly setting: string; readonly by: string };
  'port-forbidden': { readonly port: number; readonly host: string; readonly code: string; readonly setting: string };

  // What runs, and what it stands on.
  'server-silent': { readonly url: string; readonly pid: number };
  'server-not-ready': { readonly url: string; readonly checks: string };
  'server-other-version': { readonly running: string; readonly installed: string };
  'storage-unreachable': { readonly where: string; readonly reason: string };
  'storage-too-new': { readonly migrations: string };
  'queue-unreachable': { readonly where: string; readonly reason: string };
  'state-unreachable': { readonly where: string; readonly reason: string };
  'token-store-unreachable': { readonly where: string; readonly reason: string };
  'secret-key-missing': { readonly reason: string };

  // The way to a host.
  'proxy-setting': { readonly reason: string };
  'proxy-unreachable': { readonly proxy: string; readonly host: string; readonly code: string };
  'proxy-login': { readonly proxy: string; readonly host: string };
  'proxy-refuses': { readonly proxy: string; readonly host: string; readonly status: number };
  'proxy-silent': { readonly proxy: string; readonly host: string };
  'host-unknown': { readonly host: string; readonly code: string };
  'host-refuses': { readonly host: string; readonly code: string };
  'host-silent': { readonly host: string; readonly stage: string };
  'host-breaks-off': { readonly host: string; readonly code: string };
  'ca-file': { readonly reason: string };
  'tls-intercepted': { readonly host: string; readonly issuer: string; readonly proxy: string };
  'tls-unknown-authority': { readonly host: string; readonly issuer: string; readonly proxy: string };
  'tls-expired': { readonly host: string; readonly until: string };
  'tls-not-yet-valid': { readonly host: string; readonly from: string };
  'tls-wrong-host': { readonly host: string; readonly names: string };
  'tls-broken': { readonly host: string; readonly code: string };
  'oauth-discovery': { readonly url: string; readonly reason: string };

  // Clocks.
  'clock-off': { readonly offset: string; readonly hosts: number };
  'clock-off-one': { readonly offset: string; readonly host: string };
  'clock-theirs': { readonly offset: string; readonly host: string; readonly others: number };
  'clock-unclear': { readonly hosts: number };

  // API keys.
  'key-missing': { readonly provider: string };
  'key-unreadable': { readonly id: string; readonly from: string; readonly reason: string };
  'key-rejected': { readonly id: string; readonly status: number };
  'key-forbidden': { readonly id: string; readonly status: number };
  'provider-failing': { readonly provider: string; readonly url: string; readonly status: number };
  'no-models-api': { readonly provider: string; readonly url: string; readonly what: string };

  // Signing in.
  'not-signed-in': { readonly id: string };
  'wrong-account': { readonly id: string; readonly wanted: string; readonly found: string };
  'refresh-expired': { readonly id: string; readonly idle: string };
  'refresh-revoked': { readonly id: string; readonly at: string };
  'refresh-reused': { readonly id: string; readonly at: string };
  'no-refresh-token': { readonly id: string; readonly expires: string };
  'token-expired': { readonly id: string; readonly expired: string };
  'client-refused': { readonly id: string; readonly code: string };
  'refresh-failing': { readonly id: string; readonly failure: string; readonly times: number };
  'refresh-hangs': { readonly id: string; readonly since: string };
  'token-rejected': { readonly id: string; readonly status: number };
  'scopes-not-asked': { readonly id: string; readonly missing: string };
  'scopes-not-granted': { readonly id: string; readonly missing: string };
  'scopes-refused': { readonly id: string; readonly needed: string };
  'callback-port': { readonly port: number; readonly uri: string; readonly by: string };
  'callback-elsewhere': { readonly host: string; readonly uri: string };
  'callback-proxy': { readonly proxy: string; readonly uri: string; readonly status: string };

  // The organisation's sign-in.
  'oidc-unreachable': { readonly issuer: string; readonly reason: string };
  'oidc-other-issuer': { readonly issuer: string; readonly told: string };
  'oidc-no-keys': { readonly url: string; readonly reason: string };

  // The checks themselves.
  'check-timed-out': { readonly seconds: number };
  'check-failed': { readonly reason: string };
}

export type FindingCode = keyof FindingFacts;

/**
 * What comes first in the verdict: an earlier cause explains later ones, never the other way round. Without a way to the token
 * host no clock is measured; with a wrong clock certificates look expired and tokens too young; a revoked sign-in has no scopes.
 */
export const CAUSES = [
  'configuration',
  'machine',
  'proxy',
  'network',
  'trust',
  'clock',
  'certificate',
  'services',
  'client',
  'sign-in',
  'scopes',
  'key',
  'callback',
  'server',
  'remark',
] as const;

export type Cause = (typeof CAUSES)[number];

export const CAUSE_OF: Readonly<Record<FindingCode, Cause>> = {
  'config-mistake': 'configuration',
  'proxy-setting': 'configuration',
  'ca-file': 'configuration',
  'node-too-old': 'machine',
  'home-not-writable': 'machine',
  'disk-full': 'machine',
  'port-taken': 'machine',
  'port-forbidden': 'machine',
  'proxy-unreachable': 'proxy',
  'proxy-login': 'proxy',
  'proxy-refuses': 'proxy',
  'proxy-silent': 'proxy',
  'host-unknown': 'network',
  'host-refuses': 'network',
  'host-silent': 'network',
  'host-breaks-off': 'network',
  'tls-intercepted': 'trust',
  'tls-unknown-authority': 'trust',
  'tls-wrong-host': 'trust',
  'tls-broken': 'trust',
  'clock-off': 'clock',
  'clock-off-one': 'clock',
  'clock-theirs': 'clock',
  'clock-unclear': 'clock',
  'tls-expired': 'certificate',
  'tls-not-yet-valid': 'certificate',
  'storage-unreachable': 'services',
  'storage-too-new': 'services',
  'queue-unreachable': 'services',
  'state-unreachable': 'services',
  'token-store-unreachable': 'services',
  'secret-key-missing': 'services',
  'oauth-discovery': 'client',
  'client-refused': 'client',
  'not-signed-in': 'sign-in',
  'wrong-account': 'sign-in',
  'refresh-expired': 'sign-in',
  'refresh-revoked': 'sign-in',
  'refresh-reused': 'sign-in',
  'no-refresh-token': 'sign-in',
  'token-expired': 'sign-in',
  'refresh-failing': 'sign-in',
  'refresh-hangs': 'sign-in',
  'scopes-not-asked': 'scopes',
  'scopes-not-granted': 'scopes',
  'scopes-refused': 'scopes',
  'key-missing': 'key',
  'key-unreadable': 'key',
  'key-rejected': 'key',
  'key-forbidden': 'key',
  'token-rejected': 'key',
  'no-models-api': 'key',
  'provider-failing': 'network',
  'callback-port': 'callback',
  'callback-elsewhere': 'callback',
  'callback-proxy': 'callback',
  'oidc-unreachable': 'server',
  'oidc-other-issuer': 'server',
  'oidc-no-keys': 'server',
  'server-silent': 'server',
  'server-not-ready': 'server',
  'server-other-version': 'server',
  'check-timed-out': 'server',
  'check-failed': 'server',
  'auth-file-mode': 'remark',
  'secret-key-mode': 'services',
  'config-remark': 'remark',
  'disk-low': 'remark',
};
