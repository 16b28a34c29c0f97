import { CertificateError, findInterception, type Interception } from '@moltbot/network';
import {
  type Check,
  configuredCheck,
  type ConfiguredContext,
  type Evidence,
  finding,
  type Observation,
} from '../check.js';
import { certificateEvidence, isoDay, routeEvidence } from '../describe-probe.js';
import type { MeasuredProvider, MeasuredRoute } from '../measure/measurements.js';

/** A look takes 4 s at most; at the issuer, then at the token host that it names. */
const TIMEOUT_MS = 15_000;

interface Seen {
  readonly context: ConfiguredContext;
  readonly route: MeasuredRoute;
  readonly interception: Interception | undefined;
}

/** The three questions about a route are answered by one look: each names its own stages, and skips what came after. */
function routeCheck(
  id: 'provider.reachable' | 'provider.proxy' | 'provider.tls',
  judge: (seen: Seen) => Observation | undefined,
  judgeSettings: (measured: MeasuredProvider) => Observation | undefined = () => undefined,
): Check {
  const check = configuredCheck(id, async (context) => {
    const providers = await context.measured.providers(context.config);
    const interceptions = findInterception(providers.flatMap(({ routes }) => routes));
    return providers.flatMap((provider) => {
      const settings = judgeSettings(provider);
      const routes = provider.routes.map((route) =>
        judge({ context, route, interception: interceptions.find(({ url }) => url === route.probe.url) }),
      );
      return [settings, ...routes].flatMap((observed) => observed ?? []);
    });
  });
  return { ...check, timeoutMs: TIMEOUT_MS };
}

export const providerReachable = routeCheck('provider.reachable', judgeReached, ({ route: { provider }, signIn }) => {
  // Where the route itself failed, that is told instead.
  if (signIn === undefined || signIn.found || signIn.reason === '') return undefined;
  const { url, reason } = signIn;
  const evidence: readonly Evidence[] = [
    { label: 'url', value: url || `providers.${provider.name}.oauth` },
    errorOf(reason),
  ];
  return finding({
    status: 'error',
    subject: provider.name,
    code: 'oauth-discovery',
    facts: { url, reason },
    evidence,
  });
});

function judgeReached({ route }: Seen): Observation {
  const { probe, provider: subject, host } = route;
  const evidence = routeEvidence(route);
  const { fault } = probe;
  if (fault === undefined) return { status: 'ok', subject, evidence };
  const atProxy = isProxyFault(route);
  const common = { status: 'error' as const, subject, evidence: [...evidence, errorOf(fault.code)] };
  if (atProxy || fault.kind.startsWith('certificate-') || fault.kind === 'tls-handshake') {
    return { status: 'skipped', subject, reason: 'not-reached' };
  }
  const { code } = fault;
  switch (fault.kind) {
    case 'name-unknown':
      return finding({ ...common, code: 'host-unknown', facts: { host, code } });
    case 'timeout':
      return finding({ ...common, code: 'host-silent', facts: { host, stage: fault.stage } });
    case 'connection-refused':
    case 'no-route':
      return finding({ ...common, code: 'host-refuses', facts: { host, code } });
    default:
      return finding({ ...common, code: 'host-breaks-off', facts: { host, code } });
  }
}

export const providerProxy = routeCheck('provider.proxy', ({ context, route }) => {
  const { probe, provider: subject, host, direct } = route;
  const { proxy, fault } = probe;
  if (proxy === undefined) return undefined;
  const evidence = routeEvidence(route);
  if (fault === undefined || !isProxyFault(route)) return { status: 'ok', subject, evidence };
  const { command: own } = context;
  const common = {
    status: 'error' as const,
    subject,
    evidence: [...evidence, errorOf(fault.code), ...variables(context, subject)],
    // Only where one gets there without it.
    command: direct?.fault === undefined ? `${own} config set providers.${subject}.proxy direct` : undefined,
  };
  if (fault.kind === 'proxy-login-required') return finding({ ...common, code: 'proxy-login', facts: { proxy, host } });
  if (fault.status !== undefined) {
    return finding({ ...common, code: 'proxy-refuses', facts: { proxy, host, status: fault.status } });
  }
  if (fault.kind === 'timeout' && fault.stage === 'proxy-connect') {
    return finding({ ...common, code: 'proxy-silent', facts: { proxy, host } });
  }
  return finding({ ...common, code: 'proxy-unreachable', facts: { proxy, host, code: fault.code } });
});

export const providerTls = routeCheck(
  'provider.tls',
  ({ context, route, interception }) => {
    const { probe, provider: subject, host } = route;
    const { certificate, fault } = probe;
    if (!probe.url.startsWith('https:')) return undefined;
    const evidence: readonly Evidence[] = [
      ...routeEvidence(route),
      ...certificateEvidence(certificate),
      ...(interception === undefined
        ? []
        : [
            {
              label: 'others' as const,
              value: `${interception.reasons.join(', ')} ${interception.others.join(' ')}`.trim(),
            },
          ]),
      ...extraAuthorities(context, subject),
    ];
    const isTls = fault !== undefined && (fault.kind.startsWith('certificate-') || fault.kind === 'tls-handshake');
    if (fault !== undefined && (!isTls || fault.stage !== 'tls')) {
      return certificate === undefined
        ? { status: 'skipped', subject, reason: 'not-reached' }
        : { status: 'ok', subject, evidence };
    }
    if (fault === undefined) return { status: 'ok', subject, evidence };
    const issuer = certificate?.issuer ?? '?';
    const common = { status: 'error' as const, subject, evidence: [...evidence, errorOf(fault.code)] };
    const trustIt = `${context.command} config set providers.${subject}.ca_file /path/to/ca.pem`;
    switch (fault.kind) {
      case 'certificate-self-signed':
      case 'certificate-unknown-authority':
        return interception === undefined
          ? finding({
              ...common,
              command: trustIt,
              code: 'tls-unknown-authority',
              facts: { host, issuer, proxy: probe.proxy ?? '' },
            })
          : finding({
              ...common,
              command: trustIt,
              code: 'tls-intercepted',
              facts: { host, issuer: interception.issuer, proxy: interception.proxy ?? '' },
            });
      case 'certificate-expired':
        return finding({
          ...common,
          code: 'tls-expired',
          facts: { host, until: isoDay(certificate?.validTo ?? Number.NaN) },
        });
      case 'certificate-not-yet-valid':
        return finding({
          ...common,
          code: 'tls-not-yet-valid',
          facts: { host, from: isoDay(certificate?.validFrom ?? Number.NaN) },
        });
      case 'certificate-wrong-host':
        return finding({
          ...common,
          code: 'tls-wrong-host',
          facts: { host, names: certificate?.names.join(', ') ?? '?' },
        });
      default:
        return finding({ ...common, code: 'tls-broken', facts: { host, code: fault.code } });
    }
  },
  ({ route: { problem, provider } }) => {
    if (!(problem instanceof CertificateError)) return undefined;
    const evidence: readonly Evidence[] = [
      { label: 'file', value: provider.settings.ca_file ?? '' },
      { label: 'error', value: problem.message },
    ];
    return finding({
      status: 'error',
      subject: provider.name,
      code: 'ca-file',
      facts: { reason: problem.message },
      evidence,
    });
  },
);

/** Whether it ended at the proxy, before the host. */
function isProxyFault({ probe: { proxy, fault } }: MeasuredRoute): boolean {
  if (proxy === undefined || fault === undefined) return false;
  return ['dns', 'tcp', 'proxy-tls', 'proxy-connect'].includes(fault.stage) || fault.kind === 'proxy-login-required';
}

function errorOf(code: string): Evidence {
  return { label: 'error', value: code };
}

/** Where the proxy comes from. */
function variables({ env, config }: ConfiguredContext, provider: string): readonly Evidence[] {
  if (config.settings.providers[provider]?.proxy !== undefined) {
    return [{ label: 'variable', value: `providers.${provider}.proxy` }];
  }
  const names = ['https_proxy', 'HTTPS_PROXY', 'http_proxy', 'HTTP_PROXY', 'no_proxy', 'NO_PROXY'];
  const set = names.filter((name) => (env[name] ?? '').trim() !== '');
  return set.length === 0 ? [] : [{ label: 'variable', value: set.join(', ') }];
}

function extraAuthorities({ env, config }: ConfiguredContext, provider: string): readonly Evidence[] {
  const own = config.settings.providers[provider]?.ca_file;
  const extra = (env['NODE_EXTRA_CA_CERTS'] ?? '').trim();
  return [
    ...(own === undefined ? [] : [{ label: 'file' as const, value: `providers.${provider}.ca_file: ${own}` }]),
    ...(extra === '' ? [] : [{ label: 'file' as const, value: `NODE_EXTRA_CA_CERTS: ${extra}` }]),
  ];
}
