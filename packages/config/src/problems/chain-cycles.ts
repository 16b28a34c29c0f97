import type { Settings } from '../schema.js';
import type { SettingPath } from '../settings/setting-key.js';

/** The chain of `models.primary` and `models.fallbacks`; no other may have the name. */
export const DEFAULT_CHAIN = 'default';

export interface ChainCycle {
  /** The key that closes the circle. */
  readonly path: SettingPath;
  /** `fast → slow → fast` */
  readonly names: readonly string[];
}

interface Edge {
  readonly to: string;
  readonly path: SettingPath;
}

/** Chains that name each other in a circle through `primary` or `fallbacks`; each circle once. */
export function findChainCycles(settings: Settings): readonly ChainCycle[] {
  const edges = chainEdges(settings);
  const cycles: ChainCycle[] = [];
  const done = new Set<string>();
  const visit = (name: string, above: readonly string[]): void => {
    for (const { to, path } of edges.get(name) ?? []) {
      const start = [...above, name].indexOf(to);
      if (start >= 0) cycles.push({ path, names: [...[...above, name].slice(start), to] });
      else if (!done.has(to)) visit(to, [...above, name]);
    }
    done.add(name);
  };
  for (const name of edges.keys()) if (!done.has(name)) visit(name, []);
  return cycles;
}

function chainEdges({ models }: Settings): ReadonlyMap<string, readonly Edge[]> {
  const isChain = (name: string) => name === DEFAULT_CHAIN || Object.hasOwn(models.chains, name);
  const edgesOf = (chain: { primary: string; fallbacks: readonly string[] }, at: SettingPath): readonly Edge[] =>
    [
      { to: chain.primary, path: [...at, 'primary'] },
      ...chain.fallbacks.map((to) => ({ to, path: [...at, 'fallbacks'] })),
    ].filter(({ to }) => isChain(to));
  return new Map([
    [DEFAULT_CHAIN, edgesOf(models, ['models'])],
    ...Object.entries(models.chains)
      .filter(([name]) => name !== DEFAULT_CHAIN)
      .map(([name, chain]) => [name, edgesOf(chain, ['models', 'chains', name])] as const),
  ]);
}
