import { permitsModel } from '@moltbot/contracts';
import type { ChainPlan } from '../target.js';
import type { ModelRouter, Selection } from './model-router.js';

interface Named {
  readonly router: ModelRouter;
  /** Names of chains and models, `provider:*`: what a caller may name. */
  readonly permissions: readonly string[];
}

/** The first name of a selection that the caller may not name; `undefined`: there is none. */
export function forbiddenName(options: Named & { readonly selection: Selection }): string | undefined {
  const { router, permissions, selection } = options;
  return namesOf(selection).find((name) => !mayName({ router, permissions, name }));
}

/**
 * Whether a plan whose names are permitted may be used as it is: of a list, of a chain that was named, or where the default chain
 * is permitted. Else it is of a model that was named alone, and what may follow that was not.
 */
export function isPermittedWhole(
  options: Named & { readonly selection: Selection; readonly plan: ChainPlan },
): boolean {
  const { router, permissions, selection, plan } = options;
  const [name = ''] = namesOf(selection);
  return hasList(selection) || permissions.includes('default') || isChain(router, plan, name);
}

/** A chain is permitted by its own name; a model by its name as it is said, or by its `provider:model`. */
export function mayName({ router, permissions, name }: Named & { readonly name: string }): boolean {
  if (permitsModel(permissions, name)) return true;
  const plan = planOf(router, name);
  const model = plan?.models[0];
  if (plan === undefined || model === undefined || isChain(router, plan, name)) return false;
  return permitsModel(permissions, model.ref);
}

/** What a name means. What it nearly means is not told to who may not use it. */
export function planOf(router: ModelRouter, name: string): ChainPlan | undefined {
  try {
    return router.plan({ model: name });
  } catch {
    return undefined;
  }
}

/** As the router reads a selection. */
function namesOf(selection: Selection): readonly string[] {
  const { model, models } = selection;
  const first = model === undefined || model === '' ? [] : [model];
  if (hasList(selection)) return [...new Set([...first, ...(models ?? [])])];
  return first.length === 0 ? ['default'] : first;
}

function hasList({ models }: Selection): boolean {
  return models !== undefined && models.length > 0;
}

/** A chain's plan has its name; that of a model is `explicit`, which a chain may be called too. */
function isChain(router: ModelRouter, plan: ChainPlan, name: string): boolean {
  if (plan.name !== name) return false;
  return name !== 'explicit' || router.list().some(({ id, kind }) => kind === 'chain' && id === name);
}
