import { Denial, type Identity } from '@moltbot/auth';
import { MoltbotError, permitsModel } from '@moltbot/contracts';
import {
  type ChainPlan,
  forbiddenName,
  isPermittedWhole,
  type ListedModel,
  mayName,
  type ModelRouter,
  planOf,
  type Selection,
} from '@moltbot/providers';

/** A caller's list of models is told in a refusal up to this many. */
const MOST_NAMED = 5;

/** The plans as callers may use them; kept as long as the router keeps its own. */
const restricted = new WeakMap<ChainPlan, WeakMap<readonly string[], ChainPlan>>();

/**
 * The router's plan, if the caller may name each of the names that it is asked for. A chain is permitted by its own name, and
 * then with whatever the operator put into it; a model by its name as it is said or by its `provider:model`.
 * @throws MoltbotError `permission_denied`; as `ModelRouter.plan`
 */
export function permittedPlan(options: {
  readonly router: ModelRouter;
  readonly identity: Identity | undefined;
  readonly selection: Selection;
}): ChainPlan {
  const { router, identity, selection } = options;
  const permissions = identity?.models;
  if (permissions === undefined) return router.plan(selection);
  const forbidden = forbiddenName({ router, permissions, selection });
  if (forbidden !== undefined) throw notPermitted(forbidden, permissions);
  const plan = router.plan(selection);
  return isPermittedWhole({ router, permissions, selection, plan }) ? plan : withoutFollowers(plan, permissions);
}

/** @throws MoltbotError `permission_denied` */
export function assertMayName(options: {
  readonly router: ModelRouter;
  readonly identity: Identity | undefined;
  readonly name: string;
}): void {
  const { router, identity, name } = options;
  const permissions = identity?.models;
  if (permissions !== undefined && !mayName({ router, permissions, name })) throw notPermitted(name, permissions);
}

/** What `GET /v1/models` shows a caller: of chains and models those that may be named. */
export function permittedModels(options: {
  readonly router: ModelRouter;
  readonly identity: Identity | undefined;
}): readonly ListedModel[] {
  const { router, identity } = options;
  const permissions = identity?.models;
  const listed = router.list();
  if (permissions === undefined) return listed;
  const permitted = listed.filter(({ id }) => permitsModel(permissions, id));
  const known = new Set(permitted.map(({ id }) => id));
  // Models that nobody listed, and bare names: as they may be said.
  const more = permissions.flatMap((id): ListedModel[] => {
    if (known.has(id) || id.endsWith(':*')) return [];
    const model = planOf(router, id)?.models[0];
    if (model === undefined) return [];
    return [{ id, kind: 'model', provider: model.provider.name, members: [model.ref], model, ready: true }];
  });
  return [...permitted, ...more];
}

/** A model that was named alone may be followed by the default chain (`models.fallback_for_explicit`): only as far as permitted. */
function withoutFollowers(plan: ChainPlan, permissions: readonly string[]): ChainPlan {
  if (plan.models.length === 1 && plan.policyPlan === undefined) return plan;
  const kept = restricted.get(plan)?.get(permissions);
  if (kept !== undefined) return kept;
  const [named, ...followers] = plan.models;
  const models = [
    ...(named === undefined ? [] : [named]),
    ...followers.filter(({ ref }) => permitsModel(permissions, ref)),
  ];
  const made: ChainPlan = { ...plan, models, policyChain: undefined, policyPlan: undefined };
  const ofPlan = restricted.get(plan) ?? new WeakMap<readonly string[], ChainPlan>();
  restricted.set(plan, ofPlan.set(permissions, made));
  return made;
}

function notPermitted(name: string, permissions: readonly string[]): MoltbotError {
  const said = name.length > 100 ? `${name.slice(0, 100)}…` : name;
  const named = permissions.slice(0, MOST_NAMED).join(', ') + (permissions.length > MOST_NAMED ? ', …' : '');
  const what = name === 'default' ? 'the default chain' : `the model ${JSON.stringify(said)}`;
  return new MoltbotError(
    'permission_denied',
    `This key may not use ${what}; ${permissions.length === 0 ? 'it may use none' : `it may use: ${named}`}.`,
    { param: 'model', cause: new Denial({ reason: 'model', model: said }) },
  );
}
