import { describe, expect, it } from '@jest/globals';
import { createVault, type Identity } from '@moltbot/auth';
import { settingsSchema } from '@moltbot/config';
import { Secret } from '@moltbot/contracts';
import { createModelRouter, type Selection } from '@moltbot/providers';
import { permittedModels, permittedPlan } from './permitted-plan.js';

const models = {
  primary: 'openai:strong',
  fallbacks: ['anthropic:strong'],
  policy_chain: 'lenient',
  chains: {
    cheap: { primary: 'openai:small', fallbacks: ['anthropic:small'], policy_chain: 'lenient' },
    lenient: { primary: 'local:open' },
    explicit: { primary: 'openai:small', fallbacks: ['anthropic:small'] },
  },
};

function routerOf(changes: object = {}) {
  const settings = settingsSchema.parse({
    models: { ...models, ...changes },
    providers: {
      openai: { models: { small: {}, strong: {}, renamed: { upstream_name: 'strong' } } },
      anthropic: { models: { small: {}, strong: {}, lonely: {} } },
      local: { kind: 'openai-compatible', base_url: 'http://127.0.0.1:1/v1', models: { open: {}, 'llama3:8b': {} } },
    },
  });
  const entry = (provider: string) => ({
    id: provider,
    provider,
    entry: { type: 'api_key' as const, key: new Secret('k') },
  });
  return createModelRouter({
    settings: () => settings,
    vault: createVault({ credentials: () => [entry('openai'), entry('anthropic')] }),
    demoBaseUrl: () => 'http://127.0.0.1:1',
  });
}

const router = routerOf();
const identity = (list: readonly string[] | undefined): Identity => ({
  keyId: 'key_1',
  name: 'app',
  scopes: ['chat'],
  models: list,
  limits: undefined,
});

function refs(list: readonly string[] | undefined, selection: Selection, of = router): readonly string[] | string {
  try {
    return permittedPlan({ router: of, identity: identity(list), selection }).models.map(({ ref }) => ref);
  } catch (error) {
    return String((error as { readonly code?: unknown }).code);
  }
}

describe('a caller with a list of models', () => {
  it('may name what is on it, and nothing else', () => {
    const list = ['cheap', 'openai:small', 'local:*'];
    expect(refs(list, { model: 'openai:small' })).toEqual(['openai:small']);
    expect(refs(list, { model: 'local:anything' })).toEqual(['local:anything']);
    for (const model of [
      'openai:strong',
      'openai:renamed',
      'anthropic:small',
      'OpenAI:small',
      'openai:SMALL',
      'openai:small ',
      ' openai:small',
      'openai::small',
      'Cheap',
      'lenient',
      'no such model',
      'strong',
      'Local:open',
    ]) {
      expect([model, refs(list, { model })]).toEqual([model, 'permission_denied']);
    }
  });

  it('may use a chain by its name, whatever is in it, and no other way to its members', () => {
    expect(refs(['cheap'], { model: 'cheap' })).toEqual(['openai:small', 'anthropic:small']);
    expect(refs(['cheap'], { model: 'openai:small' })).toBe('permission_denied');
    expect(refs(['explicit'], { model: 'explicit' })).toEqual(['openai:small', 'anthropic:small']);
    // Every member is not the chain: the operator may put others into it.
    expect(refs(['openai:*', 'anthropic:*'], { model: 'cheap' })).toBe('permission_denied');
    expect(refs(['openai:*', 'anthropic:*'], { model: 'explicit' })).toBe('permission_denied');
    const plan = permittedPlan({ router, identity: identity(['cheap']), selection: { model: 'cheap' } });
    expect(plan.policyPlan?.()?.models.map(({ ref }) => ref)).toEqual(['local:open']);
  });

  it('names the default chain by saying nothing', () => {
    for (const selection of [{}, { model: '' }, { model: 'default' }, { models: [] }, { models: ['default'] }]) {
      expect([selection, refs(['openai:*'], selection)]).toEqual([selection, 'permission_denied']);
      expect(refs(['default'], selection)).toEqual(['openai:strong', 'anthropic:strong']);
    }
  });

  it('may say a bare name where the model that it means is permitted, or that very name', () => {
    expect(refs(['anthropic:*'], { model: 'lonely' })).toEqual(['anthropic:lonely']);
    expect(refs(['anthropic:lonely'], { model: 'lonely' })).toEqual(['anthropic:lonely']);
    expect(refs(['lonely'], { model: 'lonely' })).toEqual(['anthropic:lonely']);
    expect(refs(['lonely'], { model: 'anthropic:lonely' })).toBe('permission_denied');
    expect(refs(['llama3:8b'], { model: 'llama3:8b' })).toEqual(['local:llama3:8b']);
    expect(refs(['openai:*'], { model: 'lonely' })).toBe('permission_denied');
    // Two providers serve it: which of them is not told.
    expect(refs(['openai:*'], { model: 'small' })).toBe('permission_denied');
  });

  it('is not helped by a list of models in the request', () => {
    const list = ['openai:small', 'cheap'];
    expect(refs(list, { models: ['openai:small', 'cheap'] })).toEqual(['openai:small', 'anthropic:small']);
    for (const selection of [
      { models: ['openai:small', 'openai:strong'] },
      { model: 'openai:small', models: ['openai:strong'] },
      { model: 'openai:strong', models: ['openai:small'] },
      { model: '', models: ['openai:small', 'default'] },
      { models: ['openai:small', ''] },
      { model: 'openai:small', models: Array.from({ length: 40 }, (_, at) => (at < 39 ? 'openai:small' : 'lenient')) },
    ]) {
      expect([selection, refs(list, selection)]).toEqual([selection, 'permission_denied']);
    }
  });

  it('gets no followers of an explicit model that it may not use, nor the default chain’s policy chain', () => {
    const following = routerOf({ fallback_for_explicit: true });
    const all = ['openai:small', 'openai:strong', 'anthropic:strong'];
    expect(refs(undefined, { model: 'openai:small' }, following)).toEqual(all);
    expect(refs(['openai:small'], { model: 'openai:small' }, following)).toEqual(['openai:small']);
    expect(refs(['openai:small', 'anthropic:*'], { model: 'openai:small' }, following)).toEqual([
      'openai:small',
      'anthropic:strong',
    ]);
    expect(refs(['openai:small', 'default'], { model: 'openai:small' }, following)).toEqual(all);
    const plan = () => permittedPlan({ router: following, identity: narrow, selection: { model: 'openai:small' } });
    const narrow = identity(['openai:small']);
    expect(plan().policyPlan).toBeUndefined();
    expect(plan()).toBe(plan());
  });

  it('is told what it may use, never what there is', () => {
    const refused = (list: readonly string[], model: string) => () =>
      permittedPlan({ router, identity: identity(list), selection: { model } });
    expect(refused(['cheap'], 'openai:strong')).toThrow(
      expect.objectContaining({
        code: 'permission_denied',
        param: 'model',
        message: 'This key may not use the model "openai:strong"; it may use: cheap.',
      }),
    );
    expect(refused([], 'opnai:strong')).toThrow('it may use none');
    expect(refused(['cheap'], 'anthropc:lonely')).not.toThrow(/lonely;.*anthropic/);
    expect(refused(['cheap'], 'x'.repeat(5_000))).toThrow(/^.{0,200}$/);
  });

  it('sees of the list what it may use, also models that nobody listed', () => {
    const ids = (list: readonly string[] | undefined) =>
      permittedModels({ router, identity: identity(list) }).map(({ id }) => id);
    expect(ids(undefined)).toContain('openai:strong');
    expect(ids(['cheap', 'anthropic:*'])).toEqual(['cheap', 'anthropic:small', 'anthropic:strong', 'anthropic:lonely']);
    expect(ids(['local:unlisted', 'lonely', 'nowhere:x'])).toEqual(['local:unlisted', 'lonely']);
    expect(ids([])).toEqual([]);
  });
});

describe('a caller without a list', () => {
  it('is given the router’s own plan', () => {
    expect(permittedPlan({ router, identity: identity(undefined), selection: {} })).toBe(router.plan({}));
    expect(permittedPlan({ router, identity: undefined, selection: {} })).toBe(router.plan({}));
  });
});
