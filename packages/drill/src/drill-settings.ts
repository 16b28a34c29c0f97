import type { ProviderSettings, Settings } from '@moltbot/config';
import { BUILTIN_PROVIDERS } from '@moltbot/contracts';

/** Names the run, so that the upstream knows how to fail. */
export const RUN_HEADER = 'x-moltbot-drill';

/** The longest of the limits that a caller may have to wait for takes so long in a drill. */
const LONGEST_WAIT_MS = { full: 1_800, quick: 1_000 } as const;
/** Less is not to be told from a machine that is busy. */
const SHORTEST_LIMIT_MS = 300;

/** How many times faster limits run out in the drill. */
export function scaleOf({ timeouts }: Pick<Settings, 'timeouts'>, form: keyof typeof LONGEST_WAIT_MS): number {
  return Math.max(
    1,
    Math.ceil(Math.max(timeouts.headers, timeouts.first_content, timeouts.gap) / LONGEST_WAIT_MS[form]),
  );
}

export interface DrillSettingsOptions {
  readonly settings: Settings;
  readonly scale: number;
  /** For the header; undefined: the settings of no run. */
  readonly runId: string;
  readonly baseUrlOf: (provider: string) => string;
}

/**
 * The operator's settings as the drill runs them: the same chains, retries, breakers and capabilities, with all limits scaled,
 * every provider behind an address of the drill, and without its headers, parameters, proxies and accounts, which may hold secrets.
 */
export function drillSettings(options: DrillSettingsOptions): Settings {
  const { settings } = options;
  const scaled = scaler(options.scale);
  const { retry_policy, chains } = settings.models;
  return {
    ...settings,
    models: {
      ...settings.models,
      retry_policy: scaled.retries(retry_policy),
      chains: Object.fromEntries(
        Object.entries(chains).map(([name, chain]) => [
          name,
          {
            ...chain,
            ...(chain.retry_policy && { retry_policy: scaled.retries(chain.retry_policy) }),
            ...(chain.timeouts && { timeouts: scaled.limits(chain.timeouts) }),
          },
        ]),
      ),
    },
    timeouts: scaled.limits(settings.timeouts),
    breaker: {
      ...settings.breaker,
      window: scaled.limit(settings.breaker.window),
      open_for: scaled.limit(settings.breaker.open_for),
      max_open_for: scaled.limit(settings.breaker.max_open_for),
    },
    providers: providersOf(options),
  };
}

function scaler(scale: number) {
  const limit = (ms: number): number => Math.max(Math.min(ms, SHORTEST_LIMIT_MS), Math.round(ms / scale));
  const wait = (ms: number): number => Math.round(ms / scale);
  return {
    limit,
    limits: <Limits extends Readonly<Partial<Record<keyof Settings['timeouts'], number | undefined>>>>(
      limits: Limits,
    ): Limits => mapped(limits, Object.keys(limits), limit),
    retries: <Policy extends object>(policy: Policy): Policy =>
      mapped(policy, ['initial_backoff', 'max_backoff', 'max_total_wait'], wait),
  };
}

function mapped<Values extends object>(values: Values, keys: readonly string[], map: (ms: number) => number): Values {
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => [
      key,
      keys.includes(key) && typeof value === 'number' ? map(value) : value,
    ]),
  ) as Values;
}

const NO_SETTINGS: ProviderSettings = {
  api: 'chat',
  headers: {},
  query: {},
  stream_usage: true,
  credential_order: 'ordered',
  max_connections: 512,
  models: {},
};

function providersOf({ settings, runId, baseUrlOf }: DrillSettingsOptions): Settings['providers'] {
  const names = new Set([...Object.keys(settings.providers), ...Object.keys(BUILTIN_PROVIDERS)]);
  return Object.fromEntries(
    [...names].map((name): [string, ProviderSettings] => {
      const own = Object.hasOwn(settings.providers, name) ? settings.providers[name] : undefined;
      const { oauth: _oauth, ca_file: _caFile, ...kept } = own ?? NO_SETTINGS;
      return [
        name,
        {
          ...kept,
          base_url: baseUrlOf(name),
          headers: { [RUN_HEADER]: `${runId} ${name}` },
          query: {},
          proxy: 'direct',
          max_connections: 512,
        },
      ];
    }),
  );
}
