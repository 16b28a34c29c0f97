import { randomUUID } from 'node:crypto';
import type { CredentialVault } from '@moltbot/auth';
import type { AttemptRecord } from '@moltbot/contracts';
import {
  type Behaviour,
  type ChainPlan,
  connectionKey,
  createFailoverEngine,
  createModelRouter,
  createProviderClient,
  openScriptedUpstream,
  type ModelLoader,
  type Provider,
  type RecordedRequest,
  type RouterObserver,
  type RunningFailoverEngine,
  type UpstreamClient,
} from '@moltbot/providers';
import { createMemoryState } from '@moltbot/state';
import { drillSettings, RUN_HEADER } from './drill-settings.js';
import type { DrilledChain } from './drilled-chain.js';
import { type FaultyAddress, isDrillAddress, openFaultyAddresses } from './faulty-addresses.js';
import { createPlaceholderVault, readPlaceholder } from './placeholder-vault.js';

/** A call that came in at the upstream. */
export interface UpstreamCall {
  readonly provider: string;
  /** As the provider names it. */
  readonly model: string;
  /** The operator's credential that it was paid with. */
  readonly credential: string | undefined;
  readonly renewed: boolean;
  readonly request: RecordedRequest;
}

export interface OpenStandOptions {
  readonly chain: DrilledChain;
  readonly scale: number;
  /** What the upstream does with a call. */
  readonly behaviour: (call: UpstreamCall) => Behaviour;
  /** Providers that stand behind an address of this kind. */
  readonly addressOf?: ((provider: string) => FaultyAddress | undefined) | undefined;
  readonly expired?: ReadonlySet<string> | undefined;
  readonly loader?: ModelLoader | undefined;
  readonly observer?: Omit<RouterObserver, 'attempt'> | undefined;
}

/** A chain of its own, with its own engine, breakers and credentials. */
export interface DrillStand {
  readonly id: string;
  readonly engine: RunningFailoverEngine;
  /** The chain with scaled limits. */
  readonly plan: ChainPlan;
  readonly attempts: AttemptRecord[];
  readonly close: () => Promise<void>;
}

export interface DrillSite {
  readonly openStand: (options: OpenStandOptions) => DrillStand;
  readonly close: () => Promise<void>;
}

/** Where drills take place: faulty upstreams on loopback sockets, and the connections to them. Nothing else is ever called. */
export async function openDrillSite(): Promise<DrillSite> {
  const scripts = new Map<string, (request: RecordedRequest, provider: string) => Behaviour>();
  const upstream = await openScriptedUpstream({
    script: (request) => {
      const [, id = '', provider = ''] = /^(\S+) (\S+)$/.exec(String(request.headers[RUN_HEADER])) ?? [];
      return scripts.get(id)?.(request, provider) ?? { type: 'status', status: 500 };
    },
  });
  const addresses = await openFaultyAddresses();
  const clients = new Map<string, UpstreamClient>();
  const clientFor = (provider: Provider): UpstreamClient => {
    if (!isDrillAddress(provider.baseUrl)) throw new Error(`a drill does not call ${provider.name}`);
    const key = connectionKey(provider);
    const client = clients.get(key) ?? createProviderClient({ provider, system: DIRECT });
    clients.set(key, client);
    return client;
  };

  return {
    openStand({ chain, scale, behaviour, addressOf, expired, loader, observer }) {
      const id = randomUUID();
      const { credentials } = chain;
      const settings = drillSettings({
        settings: chain.settings,
        scale,
        runId: id,
        baseUrlOf: (provider) => {
          const address = addressOf?.(provider);
          return address === undefined ? upstream.baseUrl('openai-chat') : addresses.urlOf(address);
        },
      });
      scripts.set(id, (request, provider) => {
        const presented = readPlaceholder(request.headers);
        return behaviour({
          provider,
          model: request.model,
          credential: presented && credentials[presented.index]?.id,
          renewed: presented?.renewed ?? false,
          request,
        });
      });
      const vault: CredentialVault = createPlaceholderVault({ credentials, expired });
      const attempts: AttemptRecord[] = [];
      const state = createMemoryState();
      const engine = createFailoverEngine({
        clientFor,
        vault,
        state,
        settings: () => settings,
        loader,
        observer: { ...observer, attempt: (record) => void attempts.push(record) },
        // The longest that a wait with jitter can be.
        random: () => LONGEST_JITTER,
      });
      const router = createModelRouter({
        settings: () => settings,
        vault,
        demoBaseUrl: () => upstream.baseUrl('openai-chat'),
      });
      return {
        id,
        engine,
        plan: router.plan({ model: chain.name }),
        attempts,
        close: async () => {
          scripts.delete(id);
          engine.close();
          await state.close();
        },
      };
    },
    close: async () => {
      await Promise.all([...clients.values()].map(async (client) => client.close()));
      await Promise.all([upstream.close(), addresses.close()]);
    },
  };
}

const LONGEST_JITTER = 0.999;
const DIRECT = { httpProxy: undefined, httpsProxy: undefined, noProxy: '' } as const;
