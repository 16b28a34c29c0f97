import { setTimeout as wait } from 'node:timers/promises';
import type { Environment, LoadedConfig } from '@moltbot/config';
import {
  createNetwork,
  type HostOffset,
  measureClock,
  type Network,
  type NetworkOptions,
  probeRoute,
  type RouteProbe,
  type SeenHost,
} from '@moltbot/network';
import { askRole, type RoleStatus } from '../../client/ask-role.js';
import type { Running } from '../../roles/run-lock.js';
import { roleAddresses } from '../../server-address.js';
import { type ProviderRoute, providerRoutes } from './provider-routes.js';
import { findSignInEndpoints, metadataUrls, type SignInEndpoints } from './sign-in-endpoints.js';

/** One host as it is reached for one provider. */
export interface MeasuredRoute extends SeenHost {
  readonly provider: string;
  readonly purpose: 'models' | 'sign-in';
  /** `host:port` */
  readonly host: string;
}

export interface MeasuredProvider {
  readonly route: ProviderRoute;
  readonly routes: readonly MeasuredRoute[];
  /** `undefined`: it has no account to sign in to. */
  readonly signIn: SignInEndpoints | undefined;
}

/** What several checks need is measured once. Everything is bounded, and rejects only where the run was ended. */
export interface Measurements {
  providerRoutes(config: LoadedConfig): readonly ProviderRoute[];
  providers(config: LoadedConfig): Promise<readonly MeasuredProvider[]>;
  clocks(config: LoadedConfig): Promise<readonly HostOffset[]>;
  /** What runs at the addresses of this home. */
  roles(config: LoadedConfig): Promise<{ readonly primary: RoleStatus; readonly worker: RoleStatus }>;
  /** Connections as the server would make them; closed with the run. */
  network(options: NetworkOptions): Network;
  close(): Promise<void>;
}

export interface MeasurementsOptions {
  readonly env: Environment;
  readonly signal: AbortSignal;
  readonly running: Running | undefined;
  /** See `homeTag`. */
  readonly home: string;
  /** For one look at one host. */
  readonly probeMs?: number | undefined;
}

const PROBE_MS = 4_000;
const CLOCK_MS = 3_000;
const CLOSE_MS = 500;
/** An offset below this is the resolution of the header and the route: no more requests for it. */
const SUSPICIOUS_MS = 5_000;

export function createMeasurements(options: MeasurementsOptions): Measurements {
  const { env, signal, probeMs = PROBE_MS } = options;
  const networks = new Map<string, Network>();
  const probes = new Map<string, Promise<SeenHost>>();
  let routes: readonly ProviderRoute[] | undefined;
  let measured: Promise<readonly MeasuredProvider[]> | undefined;
  let clocks: Promise<readonly HostOffset[]> | undefined;
  let roles: ReturnType<typeof askRoles> | undefined;

  function network(networkOptions: NetworkOptions): Network {
    const key = JSON.stringify(networkOptions);
    const known = networks.get(key) ?? createNetwork({ connectTimeoutMs: probeMs, ...networkOptions });
    networks.set(key, known);
    return known;
  }

  /** Each origin is looked at once by each route. */
  async function look(url: string, networkOptions: NetworkOptions): Promise<SeenHost> {
    const key = JSON.stringify([new URL(url).origin, networkOptions]);
    const known = probes.get(key) ?? see(url, networkOptions);
    probes.set(key, known);
    return known;
  }

  async function see(url: string, networkOptions: NetworkOptions): Promise<SeenHost> {
    const common = { url, network: networkOptions, timeoutMs: probeMs, signal };
    const proxied = network(networkOptions).proxyFor(url) !== undefined;
    const [probe, direct] = await Promise.all([
      probeRoute(common),
      proxied ? probeRoute({ ...common, direct: true, ask: false }) : undefined,
    ]);
    return { probe, direct };
  }

  async function measure(route: ProviderRoute): Promise<MeasuredProvider> {
    const { provider, network: networkOptions } = route;
    const signsIn = route.credentials.some(({ entry }) => entry.type === 'oauth');
    if (networkOptions === undefined) return { route, routes: [], signIn: undefined };
    const lookFor = async (purpose: MeasuredRoute['purpose'], url: string): Promise<MeasuredRoute> => ({
      ...(await look(url, networkOptions)),
      provider: provider.name,
      purpose,
      host: hostOf(url),
    });
    const [models, { signIn, found }] = await Promise.all([
      lookFor('models', provider.baseUrl),
      signsIn ? measureSignIn(route, networkOptions, lookFor) : { signIn: undefined, found: [] },
    ]);
    return { route, routes: [models, ...found], signIn };
  }

  async function measureSignIn(
    { provider }: ProviderRoute,
    networkOptions: NetworkOptions,
    lookFor: (purpose: MeasuredRoute['purpose'], url: string) => Promise<MeasuredRoute>,
  ): Promise<{ readonly signIn: SignInEndpoints; readonly found: readonly MeasuredRoute[] }> {
    const endpoints = provider.settings.oauth;
    const { token_endpoint: configured, issuer } = endpoints ?? {};
    const first = configured ?? (issuer === undefined ? undefined : metadataUrls(issuer)[0]);
    const found = first === undefined ? [] : [await lookFor('sign-in', first)];
    // What can't be reached names nothing: the route is the finding.
    if (found[0]?.probe.fault !== undefined && first !== undefined) {
      return { signIn: { found: false, url: first, reason: '' }, found };
    }
    const limit = AbortSignal.any([signal, AbortSignal.timeout(probeMs)]);
    const signIn = await findSignInEndpoints({ endpoints, network: network(networkOptions), signal: limit }).catch(
      (): SignInEndpoints => {
        signal.throwIfAborted();
        return { found: false, url: first ?? '', reason: `no answer within ${probeMs} ms` };
      },
    );
    if (signIn.found && first !== undefined && new URL(signIn.tokenEndpoint).origin !== new URL(first).origin) {
      return { signIn, found: [...found, await lookFor('sign-in', signIn.tokenEndpoint)] };
    }
    return { signIn, found };
  }

  async function measureClocks(config: LoadedConfig): Promise<readonly HostOffset[]> {
    const byHost = new Map<string, { readonly probe: RouteProbe; readonly network: NetworkOptions }>();
    for (const { route, routes } of await providers(config)) {
      for (const { host, probe } of routes) {
        if (probe.answer !== undefined && route.network !== undefined)
          byHost.set(host, { probe, network: route.network });
      }
    }
    const offsets = await Promise.all(
      [...byHost].map(async ([host, seen]) => {
        const offset = await clockOf(seen);
        return offset === undefined ? [] : [{ host, ...offset }];
      }),
    );
    return offsets.flat();
  }

  async function clockOf(seen: { readonly probe: RouteProbe; readonly network: NetworkOptions }) {
    const { answer, fault } = seen.probe;
    if (answer === undefined) return undefined;
    const { date, age } = answer.headers;
    const samples = date === undefined ? [] : [{ sentAt: answer.sentAt, receivedAt: answer.receivedAt, date, age }];
    const first = { url: seen.probe.url, network: network(seen.network), samples, timeoutMs: CLOCK_MS, signal };
    const rough = await measureClock({ ...first, requests: 0 });
    // Over a connection that is not trusted the first answer is all there is.
    if (rough === undefined || fault !== undefined || Math.abs(rough.offsetMs) < SUSPICIOUS_MS) return rough;
    return measureClock(first);
  }

  async function providers(config: LoadedConfig): Promise<readonly MeasuredProvider[]> {
    measured ??= Promise.all(providerRoutesOf(config).map(measure));
    return measured;
  }

  function providerRoutesOf(config: LoadedConfig): readonly ProviderRoute[] {
    routes ??= providerRoutes(config, env);
    return routes;
  }

  async function askRoles({ settings }: LoadedConfig) {
    const addresses = roleAddresses(settings, options.running);
    const [primary, worker] = await Promise.all([
      askRole('primary', addresses.primary, options.home),
      askRole('worker', addresses.worker, options.home),
    ]);
    return { primary, worker };
  }

  return {
    async roles(config) {
      roles ??= askRoles(config);
      return roles;
    },
    providerRoutes: providerRoutesOf,
    providers,
    async clocks(config) {
      clocks ??= measureClocks(config);
      return clocks;
    },
    network,
    async close() {
      // What still waits for an answer is left to the end of the process.
      const closed = Promise.all([...networks.values()].map((opened) => opened.close()));
      await Promise.race([closed, wait(CLOSE_MS, undefined, { ref: false })]);
    },
  };
}

/** `host:port` */
export function hostOf(url: string): string {
  const { hostname, port, protocol } = new URL(url);
  return `${hostname}:${port === '' ? (protocol === 'https:' ? 443 : 80) : port}`;
}
