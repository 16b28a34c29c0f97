import { readProxyEnvironment, systemProxies, type OidcSettings } from '@moltbot/config';
import { type Check, configuredCheck, type Evidence, finding, type Observation } from '../check.js';
import { codeOf, metadataUrls, readDocument } from '../measure/sign-in-endpoints.js';

const ASK_MS = 4_000;
const TIMEOUT_MS = 10_000;

/** The issuer whose tokens callers may bring: its name, its keys, by the way that the server takes to it. */
export const oidcIssuer: Check = {
  ...configuredCheck('oidc.issuer', async ({ config, env, measured }, signal) => {
    const { oidc } = config.settings.server;
    if (oidc === undefined) return [];
    let network;
    try {
      network = measured.network({ system: systemProxies(readProxyEnvironment(env)) });
    } catch (error) {
      return [unreachable(oidc.issuer, oidc.issuer, codeOf(error))];
    }
    const ask = async (url: string) =>
      readDocument({ url, network, signal: AbortSignal.any([signal, AbortSignal.timeout(ASK_MS)]) }).catch(() => {
        signal.throwIfAborted();
        return { problem: `no answer within ${ASK_MS} ms`, value: undefined };
      });
    let jwksUri = oidc.jwks_uri;
    if (jwksUri === undefined) {
      const url = metadataUrls(oidc.issuer)[0] ?? oidc.issuer;
      const metadata = await ask(url);
      if (metadata.problem !== undefined) return [unreachable(oidc.issuer, url, metadata.problem)];
      const { issuer, jwks_uri: told } = metadata.value;
      if (issuer !== oidc.issuer) return [otherIssuer(oidc.issuer, url, issuer)];
      if (typeof told !== 'string' || !URL.canParse(told)) return [noKeys(url, 'no jwks_uri')];
      jwksUri = told;
    }
    const keys = await ask(jwksUri);
    if (keys.problem !== undefined) return [noKeys(jwksUri, keys.problem)];
    const usable = usableKeys(keys.value['keys'], oidc.algorithms);
    if (usable === 0) return [noKeys(jwksUri, `none of its keys is for ${oidc.algorithms.join(', ')}`)];
    return [
      {
        status: 'ok',
        evidence: [
          { label: 'url', value: oidc.issuer },
          { label: 'others', value: `${usable} keys` },
        ],
      },
    ];
  }),
  timeoutMs: TIMEOUT_MS,
};

/** RFC 7518, sections 3.1 and 6.1: which kind of key an algorithm takes. */
function usableKeys(keys: unknown, algorithms: OidcSettings['algorithms']): number {
  const kinds: ReadonlySet<string> = new Set(
    algorithms.map((name) => (name.startsWith('ES') ? 'EC' : name === 'EdDSA' ? 'OKP' : 'RSA')),
  );
  if (!Array.isArray(keys)) return 0;
  return keys.filter((key: unknown) => {
    const { kty, alg, use } = (key ?? {}) as { readonly kty?: unknown; readonly alg?: unknown; readonly use?: unknown };
    if (use !== undefined && use !== 'sig') return false;
    return alg === undefined ? kinds.has(String(kty)) : (algorithms as readonly unknown[]).includes(alg);
  }).length;
}

function unreachable(issuer: string, url: string, reason: string): Observation {
  const evidence: readonly Evidence[] = [
    { label: 'url', value: url },
    { label: 'error', value: reason },
  ];
  return finding({ status: 'error', code: 'oidc-unreachable', facts: { issuer, reason }, evidence });
}

function otherIssuer(issuer: string, url: string, told: unknown): Observation {
  const shown = typeof told === 'string' ? told.replace(/[^\x21-\x7e]/g, '?').slice(0, 300) : '-';
  const evidence: readonly Evidence[] = [
    { label: 'url', value: url },
    { label: 'issuer', value: shown },
  ];
  return finding({ status: 'error', code: 'oidc-other-issuer', facts: { issuer, told: shown }, evidence });
}

function noKeys(url: string, reason: string): Observation {
  const evidence: readonly Evidence[] = [
    { label: 'url', value: url },
    { label: 'error', value: reason },
  ];
  return finding({ status: 'error', code: 'oidc-no-keys', facts: { url, reason }, evidence });
}
