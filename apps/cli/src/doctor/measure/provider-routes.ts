import { type LoadedConfig, readProxyEnvironment, systemProxies } from '@moltbot/config';
import { createVault } from '@moltbot/auth';
import { type NetworkOptions, readCertificates } from '@moltbot/network';
import { createModelRouter, type Provider } from '@moltbot/providers';
import type { Environment, StoredCredential } from '@moltbot/config';

/** How one provider is got to, exactly as the server would. */
export interface ProviderRoute {
  readonly provider: Provider;
  readonly credentials: readonly StoredCredential[];
  /** `undefined`: the settings can't be followed, `problem` says why. */
  readonly network: NetworkOptions | undefined;
  readonly problem: unknown;
}

/** The demo model listens only inside a server: no call is made to this. */
const NOWHERE = 'http://127.0.0.1:9';

/** Every provider that is configured, has a credential, or serves a model of a chain; not the demo. */
export function providerRoutes(config: LoadedConfig, env: Environment): readonly ProviderRoute[] {
  const { settings, credentials } = config;
  // Only to read the catalogue: no credential is opened by it.
  const vault = createVault({ credentials: () => [] });
  const router = createModelRouter({ settings: () => settings, vault, demoBaseUrl: () => NOWHERE });
  const names = new Set([
    ...Object.keys(settings.providers),
    ...credentials.map(({ provider }) => provider),
    ...router.list().flatMap(({ members }) => members.map((ref) => ref.slice(0, ref.indexOf(':')))),
  ]);
  let system: NetworkOptions['system'];
  let unreadable: unknown;
  try {
    system = systemProxies(readProxyEnvironment(env));
  } catch (error) {
    unreadable = error;
  }
  return [...names].flatMap((name) => {
    const provider = providerOf(name, router);
    if (provider === undefined || provider.kind === 'demo') return [];
    const own = credentials.filter((credential) => credential.provider === name);
    return [{ provider, credentials: own, ...networkOf(provider, system, unreadable) }];
  });
}

function providerOf(name: string, router: ReturnType<typeof createModelRouter>): Provider | undefined {
  try {
    return router.plan({ model: `${name}:any` }).models[0]?.provider;
  } catch {
    // A credential of a provider that nobody configured: the configuration's own warnings say so.
    return undefined;
  }
}

function networkOf(
  provider: Provider,
  system: NetworkOptions['system'],
  unreadable: unknown,
): Pick<ProviderRoute, 'network' | 'problem'> {
  const { proxy, ca_file } = provider.settings;
  if (unreadable !== undefined && proxy === undefined) return { network: undefined, problem: unreadable };
  try {
    const extraCa = ca_file === undefined ? undefined : readCertificates(ca_file);
    return { network: { system, proxy, extraCa }, problem: undefined };
  } catch (error) {
    return { network: undefined, problem: error };
  }
}
