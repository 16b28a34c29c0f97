import { MoltbotError } from '@moltbot/contracts';
import { type ChainPlan, forbiddenName, isPermittedWhole, type ModelRouter, type Selection } from '@moltbot/providers';

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
  const forbidden = forbiddenName({ router, permissions, selection });
  if (forbidden !== undefined) {
    const said = JSON.stringify(forbidden.slice(0, 100));
    throw new MoltbotError('permission_denied', `This key may not use the model ${said}.`, { param: 'model' });
  }
  const plan = router.plan(selection);
  if (isPermittedWhole({ router, permissions, selection, plan })) return plan;
  return { ...plan, models: plan.models.slice(0, 1), policyChain: undefined, policyPlan: undefined };
}
