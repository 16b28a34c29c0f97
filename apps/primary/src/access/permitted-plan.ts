import { Denial, type Identity } from '@moltbot/auth';
import { MoltbotError, permitsModel } from '@moltbot/contracts';
import type { ChainPlan, ListedModel, ModelRouter, Selection } from '@moltbot/providers';

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
  const names = new Set(namesOf(selection));
  for (const name of names) {
    if (!mayName({ router, permissions, name })) throw notPermitted(name, permissions);
  }
  const plan = router.plan(selection);
  if (hasList(selection) || permissions.includes('default')) return plan;
  const [name = ''] = names;
  return isChain(router, plan, name) ? plan : withoutFollowers(plan, permissions);
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

function mayName(options: {
  readonly router: ModelRouter;
  readonly permissions: readonly string[];
  readonly name: string;
}): boolean {
  const { router, permissions, name } = options;
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

/** What a name means. What it nearly means is not told to who may not use it. */
function planOf(router: ModelRouter, name: string): ChainPlan | undefined {
  try {
    return router.plan({ model: name });
  } catch {
    return undefined;
  }
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
