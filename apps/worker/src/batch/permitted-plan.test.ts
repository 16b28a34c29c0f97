import { describe, expect, it } from '@jest/globals';
import { createVault } from '@moltbot/auth';
import { settingsSchema } from '@moltbot/config';
import { Secret } from '@moltbot/contracts';
import { createModelRouter, type Selection } from '@moltbot/providers';
import { permittedPlan } from './permitted-plan.js';

const settings = settingsSchema.parse({
  models: {
    primary: 'openai:strong',
    fallbacks: ['anthropic:strong'],
    fallback_for_explicit: true,
    policy_chain: 'lenient',
    chains: {
      cheap: { primary: 'openai:small', fallbacks: ['anthropic:small'] },
      lenient: { primary: 'anthropic:open' },
      explicit: { primary: 'openai:small', fallbacks: ['anthropic:small'] },
    },
  },
  providers: {
    openai: { models: { small: {}, strong: {} } },
    anthropic: { models: { small: {}, strong: {}, open: {}, lonely: {} } },
  },
});
const router = createModelRouter({
  settings: () => settings,
  vault: createVault({
    credentials: () =>
      ['openai', 'anthropic'].map((provider) => ({
        id: provider,
        provider,
        entry: { type: 'api_key' as const, key: new Secret('k') },
      })),
  }),
  demoBaseUrl: () => 'http://127.0.0.1:1',
});

function refs(permissions: readonly string[] | undefined, selection: Selection): readonly string[] | string {
  try {
    return permittedPlan({ router, permissions, selection }).models.map(({ ref }) => ref);
  } catch (error) {
    return String((error as { readonly code?: unknown }).code);
  }
}

describe('what the owner of a batch may use', () => {
  it('is everything where the key has no list', () => {
    expect(refs(undefined, {})).toEqual(['openai:strong', 'anthropic:strong']);
    expect(refs(undefined, { model: 'cheap' })).toEqual(['openai:small', 'anthropic:small']);
  });

  it('is a chain by its own name, with whatever is in it', () => {
    expect(refs(['cheap'], { model: 'cheap' })).toEqual(['openai:small', 'anthropic:small']);
    expect(refs(['explicit'], { model: 'explicit' })).toEqual(['openai:small', 'anthropic:small']);
    expect(refs(['openai:small', 'anthropic:small'], { model: 'cheap' })).toBe('permission_denied');
    expect(refs(['cheap'], {})).toBe('permission_denied');
  });

  it('is a model as it is said or by its full name, without what would follow it', () => {
    expect(refs(['openai:small'], { model: 'openai:small' })).toEqual(['openai:small']);
    expect(refs(['anthropic:lonely'], { model: 'lonely' })).toEqual(['anthropic:lonely']);
    expect(refs(['openai:*'], { model: 'openai:small' })).toEqual(['openai:small']);
    expect(refs(['openai:*'], { model: 'anthropic:lonely' })).toBe('permission_denied');
    expect(refs([], { model: 'openai:small' })).toBe('permission_denied');
  });

  it('is a list only where each of its names is permitted', () => {
    const models = ['openai:small', 'anthropic:small'];
    expect(refs(models, { models })).toEqual(models);
    expect(refs(['openai:small'], { models })).toBe('permission_denied');
    expect(refs(['openai:small'], { model: 'anthropic:lonely', models: ['openai:small'] })).toBe('permission_denied');
  });

  it('never gets the policy chain where only a model is permitted', () => {
    const plan = permittedPlan({ router, permissions: ['openai:small'], selection: { model: 'openai:small' } });
    expect([plan.policyChain, plan.policyPlan]).toEqual([undefined, undefined]);
  });
});
