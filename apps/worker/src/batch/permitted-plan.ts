import { MoltbotError, permitsModel } from '@moltbot/contracts';
import type { ChainPlan, ModelRouter, Selection } from '@moltbot/providers';

/**
 * The router's plan for a request of a batch, if its owner may name what it asks for: as the primary judges a request
 * (a chain by its own name, a model as it is said or by its `provider:model`), only that what follows a model is left out.
 * @throws MoltbotError `permission_denied`; as `ModelRouter.plan`
 */
export function permittedPlan(options: {
  readonly router: ModelRouter;
  /** `undefined`: all models. */
  readonly permissions: readonly string[] | undefined;
  readonly selection: Selection;
}): ChainPlan {
  const { router, permissions, selection } = options;
  if (permissions === undefined) return router.plan(selection);
  const names = namesOf(selection);
  for (const name of names) {
    if (!mayName(router, permissions, name)) {
      throw new MoltbotError(
        'permission_denied',
        `This key may not use the model ${JSON.stringify(name.slice(0, 100))}.`,
        {
          param: 'model',
        },
      );
    }
  }
  const plan = router.plan(selection);
  const [name = ''] = names;
  if (hasList(selection) || permissions.includes('default') || isChain(router, plan, name)) return plan;
  return { ...plan, models: plan.models.slice(0, 1), policyChain: undefined, policyPlan: undefined };
}

/** As the router reads a selection. */
function namesOf(selection: Selection): readonly string[] {
  const { model, models } = selection;
  const first = model === undefined || model === '' ? [] : [model];
  if (hasList(selection)) return [...first, ...(models ?? [])];
  return first.length === 0 ? ['default'] : first;
}

function hasList({ models }: Selection): boolean {
  return models !== undefined && models.length > 0;
}

function mayName(router: ModelRouter, permissions: readonly string[], name: string): boolean {
  if (permitsModel(permissions, name)) return true;
  const plan = planOf(router, name);
  const model = plan?.models[0];
  if (plan === undefined || model === undefined || isChain(router, plan, name)) return false;
  return permitsModel(permissions, model.ref);
}

/** A chain's plan has its name; that of a model is `explicit`, which a chain may be called too. */
function isChain(router: ModelRouter, plan: ChainPlan, name: string): boolean {
  if (plan.name !== name) return false;
  return name !== 'explicit' || router.list().some(({ id, kind }) => kind === 'chain' && id === name);
}

function planOf(router: ModelRouter, name: string): ChainPlan | undefined {
  try {
    return router.plan({ model: name });
  } catch {
    return undefined;
  }
}
