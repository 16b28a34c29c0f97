import { dirname, join } from 'node:path';
import { type LocalAddress, type Settings, withLocalProvider } from '@moltbot/config';
import { LOCAL_PROVIDER, MoltbotError } from '@moltbot/contracts';
import { ModelHost } from './engine/model-host.js';
import { untilAborted } from './engine/model-slot.js';
import { createFileCache, type ModelObjects } from './files/file-cache.js';
import type { LoadState, LocalModelEvent } from './model-state.js';
import { createAddressReader, publishAddress, withdrawAddress } from './server/shared-address.js';
import { startGateway } from './server/start-gateway.js';

/** The models that this process runs itself: `local:NAME`. */
export interface LocalModels {
  /** The same settings with the provider `local` in them; the same object as long as nothing changes. */
  settings(settings: Settings): Settings;
  /** By `provider:model`; `undefined` for all that are not local models. */
  stateOf(ref: string): LoadState | undefined;
  /** Whether it can be called now; true for models that are not local. */
  isReady(ref: string): boolean;
  /**
   * Waits for a load, and begins one where the model is cold. `later`: it is not there within the time, or is known to take
   * longer; loading goes on. For models that are not local `ready` at once.
   * @throws the signal's reason
   */
  load(ref: string, options: { readonly withinMs: number; readonly signal: AbortSignal }): Promise<LoadOutcome>;
  /** Process that holds the model, where it is warm. */
  pidOf(ref: string): number | undefined;
  /** Unloads everything. */
  close(): Promise<void>;
}

export type LoadOutcome =
  | { readonly outcome: 'ready' }
  | { readonly outcome: 'later'; readonly inMs: number }
  | { readonly outcome: 'failed'; readonly error: MoltbotError };

export interface LocalModelsOptions {
  /** As they are now: follows edits of the file. */
  readonly settings: () => Settings;
  readonly paths: { readonly configFile: string; readonly cacheDirectory: string; readonly runDirectory: string };
  /**
   * `host`: other processes of this home may use the models that this one has loaded. `guest`: those of a host where there is
   * one, else its own.
   */
  readonly role: 'host' | 'guest';
  /** Opened when the first model of it is loaded; not closed here. */
  readonly objects: () => Promise<ModelObjects>;
  /** What engines need to find their libraries is handed on, nothing else. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  readonly onEvent?: ((event: LocalModelEvent) => void) | undefined;
  /** Milliseconds that only grow. */
  readonly elapsed?: (() => number) | undefined;
  readonly program?: string | undefined;
}

const HANDED_ON = [
  'PATH',
  'HOME',
  'USERPROFILE',
  'SystemRoot',
  'TMPDIR',
  'TEMP',
  'TMP',
  'LD_LIBRARY_PATH',
  'CUDA_VISIBLE_DEVICES',
];

const READY: LoadOutcome = { outcome: 'ready' };
/** Told to callers where nobody knows how long a load takes. */
const UNKNOWN_LOAD_MS = 5_000;

/** Opens the door to local models on a loopback socket; engines start when their models are asked for. */
export async function openLocalModels(options: LocalModelsOptions): Promise<LocalModels> {
  const { paths, elapsed = () => performance.now(), onEvent = () => {}, env = {} } = options;
  const host = new ModelHost({
    settings: () => options.settings().local_models,
    loadTimeoutMs: () => options.settings().model_load_timeout,
    folder: dirname(paths.configFile),
    cache: createFileCache({
      directory: join(paths.cacheDirectory, 'models'),
      maxBytes: () => options.settings().local_models.cache_size,
      objects: options.objects,
    }),
    environment: Object.fromEntries(HANDED_ON.map((name) => [name, env[name]])),
    onEvent,
    elapsed,
    program: options.program,
  });
  const gateway = await startGateway({
    models: () => Object.keys(options.settings().local_models.models),
    chat: async (model, order, handlers, signal) => {
      const slot = host.slot(model);
      const longest = options.settings().local_models.models[model]?.max_output_tokens;
      const maxTokens = Math.min(order.maxTokens ?? Infinity, longest ?? Infinity);
      return slot.chat({ ...order, maxTokens: maxTokens === Infinity ? undefined : maxTokens }, handlers, signal);
    },
  });
  const file = join(paths.runDirectory, 'local-models.json');
  const isHost = options.role === 'host';
  if (isHost) await publishAddress(file, gateway);
  const hostAddress = isHost ? () => undefined : createAddressReader(file, elapsed);
  return running({
    host,
    gateway,
    hostAddress,
    close: async () => {
      if (isHost) withdrawAddress(file);
      await gateway.close();
      await host.close();
    },
  });
}

function running(options: {
  readonly host: ModelHost;
  readonly gateway: LocalAddress;
  /** Another process that loads the models. */
  readonly hostAddress: () => LocalAddress | undefined;
  readonly close: () => Promise<void>;
}): LocalModels {
  const { host, gateway, hostAddress, close } = options;
  const extended = new WeakMap<Settings, { readonly address: LocalAddress; readonly made: Settings }>();
  return {
    settings(settings) {
      const address = hostAddress() ?? gateway;
      const known = extended.get(settings);
      if (known?.address === address) return known.made;
      const made = withLocalProvider(settings, address);
      extended.set(settings, { address, made });
      return made;
    },
    isReady: (ref) => hostAddress() !== undefined || (slotOf(host, ref)?.state.state ?? 'warm') === 'warm',
    stateOf: (ref) => slotOf(host, ref)?.state,
    async load(ref, { withinMs, signal }) {
      const slot = slotOf(host, ref);
      if (slot === undefined || slot.state.state === 'warm') return READY;
      const loading = slot.load();
      loading.catch(() => {});
      const left = leftOf(slot.state);
      if (left !== undefined && left > withinMs) return { outcome: 'later', inMs: left };
      const late = AbortSignal.timeout(Math.min(Math.ceil(withinMs), 2_147_483_647));
      try {
        await untilAborted(loading, AbortSignal.any([signal, late]));
        return READY;
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof MoltbotError) return { outcome: 'failed', error };
        return { outcome: 'later', inMs: leftOf(slot.state) ?? UNKNOWN_LOAD_MS };
      }
    },
    pidOf: (ref) => slotOf(host, ref)?.pid,
    close,
  };
}

function slotOf(host: ModelHost, ref: string) {
  const prefix = `${LOCAL_PROVIDER}:`;
  return ref.startsWith(prefix) ? host.find(ref.slice(prefix.length)) : undefined;
}

/** How long a load will still take, where an earlier one says. */
function leftOf(state: LoadState): number | undefined {
  if (state.state !== 'loading' || state.expectedMs === undefined) return undefined;
  return Math.max(0, state.expectedMs - state.forMs);
}
