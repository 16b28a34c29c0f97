import type { RouteProbe } from './route-probe.js';

/** One host as it shows itself through the product's own route, and past the proxy where there is one. */
export interface SeenHost {
  readonly probe: RouteProbe;
  readonly direct?: RouteProbe | undefined;
}

/**
 * Why a certificate is taken for that of a proxy which looks inside:
 * - `same-issuer`: hosts of different houses have certificates of one issuer, which is no public one
 * - `other-issuer-directly`: past the proxy the host shows another issuer
 * - `public-service`: a service that has a public certificate everywhere has another here
 */
export type InterceptionReason = 'same-issuer' | 'other-issuer-directly' | 'public-service';

export interface Interception {
  readonly url: string;
  readonly proxy: string | undefined;
  readonly issuer: string;
  readonly reasons: readonly InterceptionReason[];
  /** Other hosts with the same issuer. */
  readonly others: readonly string[];
  /** Whether the authority is trusted here (`ca_file`, `NODE_EXTRA_CA_CERTS`, the system): then it is in nobody's way. */
  readonly trusted: boolean;
}

/** Their certificates are of public authorities, always. */
const PUBLIC_SERVICES = /(^|\.)(openai\.com|anthropic\.com|googleapis\.com|google\.com|claude\.ai|claude\.com)$/;

/** Finds hosts whose certificate was made by somebody in between. A company's own authority alone is none. */
export function findInterception(hosts: readonly SeenHost[]): readonly Interception[] {
  return hosts.flatMap(({ probe, direct }) => {
    const { certificate } = probe;
    if (certificate === undefined || certificate.trust === 'public') return [];
    const own = new URL(probe.url).hostname;
    const others = hosts
      .filter(
        (host) =>
          host.probe.certificate?.issuerId === certificate.issuerId && !related(new URL(host.probe.url).hostname, own),
      )
      .map((host) => new URL(host.probe.url).hostname);
    const seenDirectly = direct?.certificate?.issuerId;
    const reasons: readonly InterceptionReason[] = [
      ...(others.length > 0 && probe.proxy !== undefined ? (['same-issuer'] as const) : []),
      ...(seenDirectly !== undefined && seenDirectly !== certificate.issuerId
        ? (['other-issuer-directly'] as const)
        : []),
      ...(PUBLIC_SERVICES.test(own) ? (['public-service'] as const) : []),
    ];
    if (reasons.length === 0) return [];
    const { url, proxy } = probe;
    return [
      {
        url,
        proxy,
        issuer: certificate.issuer,
        reasons,
        others: [...new Set(others)],
        trusted: certificate.trust !== 'none',
      },
    ];
  });
}

/** Of one house, as far as names tell: the last two labels are the same. Addresses are never compared. */
function related(a: string, b: string): boolean {
  return a === b || houseOf(a) === houseOf(b);
}

function houseOf(host: string): string {
  return /^[\d.]+$|:/.test(host) ? host : host.split('.').slice(-2).join('.');
}
