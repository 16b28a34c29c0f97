import {
  BUILTIN_PROVIDERS,
  isBuiltinProvider,
  LOCAL_PROVIDER,
  parseModelRef,
  PROVIDER_KINDS,
} from '@moltbot/contracts';
import type { ConfigProblem, Origin } from './config-problem.js';
import { DEFAULT_CHAIN, findChainCycles } from './chain-cycles.js';
import { nearest } from './nearest.js';
import type { Settings } from '../schema.js';
import { showName, showPath } from './secret-like.js';
import { formatKey, type SettingPath } from '../settings/setting-key.js';

export interface CrossCheckContext {
  readonly settings: Settings;
  /** Where the value was set, or what it stands in. */
  readonly originAt: (path: SettingPath) => Origin;
  /** Whether somebody set the value itself. */
  readonly isSet: (path: SettingPath) => boolean;
}

export interface CrossCheckResult {
  readonly problems: readonly ConfigProblem[];
  /** One sentence each. */
  readonly warnings: readonly string[];
}

/** What no single value can tell: names that must exist, chains without a circle, ports apart. */
export function crossCheck(context: CrossCheckContext): CrossCheckResult {
  const uses = modelUses(context.settings);
  const checked = uses.map((use) => checkModel(use, context));
  return {
    problems: [
      ...checkProviders(context),
      ...checkLocalProvider(context),
      ...checkChainNames(context),
      ...checked.flatMap(({ problem }) => problem ?? []),
      ...checkPolicyChains(context),
      ...checkCycles(context),
      ...checkPorts(context),
    ],
    warnings: checked.flatMap(({ warning }) => warning ?? []),
  };
}

function conflict(path: SettingPath, detail: string, { originAt }: CrossCheckContext): ConfigProblem {
  return { kind: 'conflict', origin: originAt(path), key: formatKey(showPath(path)), detail };
}

function checkProviders(context: CrossCheckContext): readonly ConfigProblem[] {
  return Object.entries(context.settings.providers).flatMap(([name, provider]) => {
    if (isBuiltinProvider(name)) return [];
    const path = ['providers', name];
    const why = '`' + showName(name) + '` is none of ' + Object.keys(BUILTIN_PROVIDERS).join(', ');
    const kind = provider.kind === undefined ? [['kind', `one of ${PROVIDER_KINDS.join(', ')}`]] : [];
    const url =
      provider.base_url === undefined && provider.kind !== 'demo' ? [['base_url', 'an http:// or https:// URL']] : [];
    return [...kind, ...url].map(([field, expected]) =>
      conflict([...path, field ?? ''], `is missing; expected ${expected}, because ${why}`, context),
    );
  });
}

/** `local:NAME` can't mean two things. */
function checkLocalProvider(context: CrossCheckContext): readonly ConfigProblem[] {
  const { providers, local_models } = context.settings;
  if (!Object.hasOwn(providers, LOCAL_PROVIDER) || Object.keys(local_models.models).length === 0) return [];
  const detail = '`local` is the provider of `local_models`; give this one another name';
  return [conflict(['providers', LOCAL_PROVIDER], detail, context)];
}

function checkChainNames(context: CrossCheckContext): readonly ConfigProblem[] {
  if (!Object.hasOwn(context.settings.models.chains, DEFAULT_CHAIN)) return [];
  const detail = '`default` is the chain of `models.primary` and `models.fallbacks`; give this one another name';
  return [conflict(['models', 'chains', DEFAULT_CHAIN], detail, context)];
}

interface ModelUse {
  readonly path: SettingPath;
  readonly name: string;
}

function modelUses({ models }: Settings): readonly ModelUse[] {
  const ofChain = (chain: { primary: string; fallbacks: readonly string[] }, at: SettingPath): readonly ModelUse[] => [
    { path: [...at, 'primary'], name: chain.primary },
    ...chain.fallbacks.map((name, index) => ({ path: [...at, 'fallbacks', String(index)], name })),
  ];
  return [
    ...ofChain(models, ['models']),
    ...Object.entries(models.chains).flatMap(([name, chain]) => ofChain(chain, ['models', 'chains', name])),
  ];
}

interface Checked {
  readonly problem?: ConfigProblem;
  readonly warning?: string;
}

function checkModel({ path, name }: ModelUse, context: CrossCheckContext): Checked {
  const { providers, models, local_models } = context.settings;
  if (name === DEFAULT_CHAIN || Object.hasOwn(models.chains, name)) return {};
  // Problems of a list entry are told at the list, with the entry's own line.
  const problem = (detail: string): Checked => ({
    problem: { ...conflict(path, detail, context), key: formatKey(showPath(withoutIndex(path))) },
  });
  if (!name.includes(':')) return checkBareName({ path, name }, context, problem);
  const ref = parseModelRef(name);
  if (ref === undefined) return problem('expected `provider:model`, the name of a chain, or the name of a model');
  if (isBuiltinProvider(ref.provider) || Object.hasOwn(providers, ref.provider)) return {};
  if (ref.provider === LOCAL_PROVIDER) {
    const names = Object.keys(local_models.models);
    if (names.includes(ref.model)) return {};
    const near = nearest(ref.model, names);
    const hint =
      near === undefined ? '; add it under `local_models.models`' : `; did you mean \`local:${showName(near)}\`?`;
    return problem(`no local model \`${showName(ref.model)}\` is configured${hint}`);
  }
  const near = nearest(ref.provider, [...Object.keys(providers), ...Object.keys(BUILTIN_PROVIDERS)]);
  const hint = near === undefined ? '; add it under `providers`' : `; did you mean \`${showName(near)}\`?`;
  return problem(`no provider \`${showName(ref.provider)}\` is configured${hint}`);
}

function checkBareName(
  { path, name }: ModelUse,
  context: CrossCheckContext,
  problem: (detail: string) => Checked,
): Checked {
  const { providers, models } = context.settings;
  const serving = Object.keys(providers).filter((provider) => Object.hasOwn(providers[provider]?.models ?? {}, name));
  if (serving.length > 1) {
    const candidates = serving.map((provider) => `\`${showName(provider)}:${showName(name)}\``).join(' or ');
    return problem(`more than one provider lists this model; write ${candidates}`);
  }
  if (serving.length === 1) return {};
  const near = nearest(name, Object.keys(models.chains));
  const hint = near === undefined ? 'write it as `provider:model`' : `did you mean the chain \`${showName(near)}\`?`;
  const key = formatKey(showPath(withoutIndex(path)));
  return {
    warning: `${key}: \`${showName(name)}\` is no chain and no model that a provider lists; ${hint}`,
  };
}

function withoutIndex(path: SettingPath): SettingPath {
  return path.at(-2) === 'fallbacks' ? path.slice(0, -1) : path;
}

function checkPolicyChains(context: CrossCheckContext): readonly ConfigProblem[] {
  const { models } = context.settings;
  const uses: readonly { path: SettingPath; owner: string; name: string | undefined }[] = [
    { path: ['models', 'policy_chain'], owner: DEFAULT_CHAIN, name: models.policy_chain },
    ...Object.entries(models.chains).map(([owner, chain]) => ({
      path: ['models', 'chains', owner, 'policy_chain'],
      owner,
      name: chain.policy_chain,
    })),
  ];
  return uses.flatMap(({ path, owner, name }) => {
    if (name === undefined) return [];
    if (name === owner) return [conflict(path, 'a chain cannot be its own policy chain', context)];
    if (name === DEFAULT_CHAIN || Object.hasOwn(models.chains, name)) return [];
    const near = nearest(name, Object.keys(models.chains));
    const hint = near === undefined ? '; add it under `models.chains`' : `; did you mean \`${showName(near)}\`?`;
    return [conflict(path, `no chain \`${showName(name)}\` is configured${hint}`, context)];
  });
}

function checkCycles(context: CrossCheckContext): readonly ConfigProblem[] {
  return findChainCycles(context.settings).map(({ path, names }) =>
    conflict(path, `the chain contains itself: ${names.map(showName).join(' → ')}`, context),
  );
}

function checkPorts(context: CrossCheckContext): readonly ConfigProblem[] {
  const { port, metrics_port } = context.settings.server;
  if (port !== metrics_port || port === 0) return [];
  const metrics = ['server', 'metrics_port'];
  const path = context.isSet(metrics) ? metrics : ['server', 'port'];
  return [conflict(path, `\`server.port\` and \`server.metrics_port\` are both ${port}; they must differ`, context)];
}
