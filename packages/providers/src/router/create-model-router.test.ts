import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Credential, CredentialVault } from '@moltbot/auth';
import { type Settings, settingsSchema } from '@moltbot/config';
import { MoltbotError } from '@moltbot/contracts';
import type { JsonObject } from '../caller-request.js';
import type { ChainPlan } from '../target.js';
import { createModelRouter } from './create-model-router.js';

const local = (port: number, ...models: string[]): JsonObject => ({
  kind: 'openai-compatible',
  base_url: `http://127.0.0.1:${port}/v1`,
  models: Object.fromEntries(models.map((name) => [name, {}])),
});

let settings: Settings;
let credentials: string[];
let known: Readonly<Record<string, readonly string[]>>;
let demoBaseUrl: string;

const vault: CredentialVault = {
  credentialsFor: (provider) =>
    credentials
      .filter((id) => id.split(':')[0] === provider)
      .map((id): Credential => ({ id, provider, type: 'api_key' })),
  tokenFor: () => {
    throw new Error('not asked');
  },
  refreshAfterRejection: async () => false,
};

const create = () =>
  createModelRouter({
    settings: () => settings,
    vault,
    demoBaseUrl: () => demoBaseUrl,
    knownModels: (provider) => known[provider] ?? [],
  });

const refs = (plan: ChainPlan): readonly string[] => plan.models.map(({ ref }) => ref);

function failure(action: () => unknown): MoltbotError {
  try {
    action();
  } catch (error) {
    if (error instanceof MoltbotError) return error;
    throw error;
  }
  throw new Error('It did not fail');
}

beforeEach(() => {
  credentials = [];
  known = {};
  demoBaseUrl = 'http://127.0.0.1:4000/v1';
  settings = settingsSchema.parse({
    models: {
      primary: 'left:large',
      fallbacks: ['right:small', 'demo:assistant'],
      chains: {
        fast: {
          primary: 'right:small',
          fallbacks: ['left:tiny'],
          retry_policy: { max_attempts: 1 },
          timeouts: { total: '10s' },
          policy_chain: 'careful',
        },
        careful: { primary: 'left:large' },
        nested: { primary: 'fast', fallbacks: ['careful', 'default'], policy_chain: 'default' },
        lost: { primary: 'left:tiny', policy_chain: 'nowhere' },
        nowhere: { primary: 'of-nobody' },
      },
    },
    providers: { left: local(1, 'large', 'tiny', 'both'), right: local(2, 'small', 'both') },
  });
});

describe('the plan of a request', () => {
  it.each([{}, { model: undefined }, { model: '' }, { model: 'default' }, { model: 'default', models: [] }])(
    'is the default chain for %j',
    (selection) => {
      const plan = create().plan(selection);
      expect(plan.name).toBe('default');
      expect(refs(plan)).toEqual(['left:large', 'right:small', 'demo:assistant']);
      expect(plan.retryPolicy).toEqual(settings.models.retry_policy);
      expect(plan.timeouts).toEqual(settings.timeouts);
    },
  );

  it('is a chain by its name, under the limits that it names and the general ones', () => {
    const plan = create().plan({ model: 'fast' });
    expect(plan.name).toBe('fast');
    expect(refs(plan)).toEqual(['right:small', 'left:tiny']);
    expect(plan.retryPolicy).toEqual({ ...settings.models.retry_policy, max_attempts: 1 });
    expect(plan.timeouts).toEqual({ ...settings.timeouts, total: 10_000 });
    expect(plan.policyChain).toBe('careful');
    expect(refs(plan.policyPlan?.() as ChainPlan)).toEqual(['left:large']);
  });

  it('takes the default chain for refused content where that is the policy chain', () => {
    const plan = create().plan({ model: 'nested' });
    expect(plan.policyChain).toBe('default');
    expect(refs(plan.policyPlan?.() as ChainPlan)).toEqual(['left:large', 'right:small', 'demo:assistant']);
  });

  it('does without a policy chain whose models are nowhere at present', () => {
    const plan = create().plan({ model: 'lost' });
    expect(plan.policyPlan?.()).toBeUndefined();
  });

  it('holds the models of nested chains in order, each once', () => {
    expect(refs(create().plan({ model: 'nested' }))).toEqual([
      'right:small',
      'left:tiny',
      'left:large',
      'demo:assistant',
    ]);
  });

  it('is the model alone that was named explicitly', () => {
    const plan = create().plan({ model: 'left:tiny' });
    expect(plan).toMatchObject({ name: 'explicit', policyChain: undefined });
    expect(refs(plan)).toEqual(['left:tiny']);
  });

  it('goes on with the default chain after it, where the settings say so', () => {
    settings = { ...settings, models: { ...settings.models, fallback_for_explicit: true } };
    expect(refs(create().plan({ model: 'right:small' }))).toEqual(['right:small', 'left:large', 'demo:assistant']);
    expect(refs(create().plan({ model: 'fast' }))).toEqual(['right:small', 'left:tiny']);
  });

  it('takes a model that is not listed at a provider that is known: the provider’s refusal is believed', () => {
    expect(refs(create().plan({ model: 'left:something-new' }))).toEqual(['left:something-new']);
    expect(refs(create().plan({ model: 'openai:gpt-x' }))).toEqual(['openai:gpt-x']);
  });

  it('is the ordered list of the request, with `model` first, each once', () => {
    const router = create();
    expect(refs(router.plan({ models: ['demo:assistant', 'left:tiny', 'demo:assistant'] }))).toEqual([
      'demo:assistant',
      'left:tiny',
    ]);
    const plan = router.plan({ model: 'left:large', models: ['small', 'fast'] });
    expect(plan.name).toBe('explicit');
    expect(refs(plan)).toEqual(['left:large', 'right:small', 'left:tiny']);
  });

  it('refuses a list with a name that means nothing, and one that is too long', () => {
    expect(failure(() => create().plan({ models: ['left:tiny', 'nonsense'] }))).toMatchObject({
      code: 'model_not_found',
    });
    const models = Array.from({ length: 33 }, (_, index) => `left:${index}`);
    expect(failure(() => create().plan({ models }))).toMatchObject({ code: 'invalid_request', param: 'models' });
  });
});

describe('a bare name', () => {
  it('means the model of the one configured provider that serves it', () => {
    expect(refs(create().plan({ model: 'tiny' }))).toEqual(['left:tiny']);
  });

  it('means a chain before it means a model', () => {
    known = { left: ['fast'] };
    expect(create().plan({ model: 'fast' }).name).toBe('fast');
  });

  it('is ambiguous where two serve it, and the candidates are listed', () => {
    const error = failure(() => create().plan({ model: 'both' }));
    expect(error).toMatchObject({ code: 'model_ambiguous', http: 400, param: 'model' });
    expect(error.message).toBe('More than one provider serves "both": left:both, right:both');
  });

  it('follows what providers are known to serve, and credentials, without a change of the settings', () => {
    const router = create();
    expect(failure(() => router.plan({ model: 'claude-x' })).code).toBe('model_not_found');
    known = { anthropic: ['claude-x'] };
    expect(failure(() => router.plan({ model: 'claude-x' })).code).toBe('model_not_found');
    credentials = ['anthropic'];
    expect(refs(router.plan({ model: 'claude-x' }))).toEqual(['anthropic:claude-x']);
    known = { anthropic: ['claude-x'], left: ['claude-x'] };
    expect(failure(() => router.plan({ model: 'claude-x' })).code).toBe('model_ambiguous');
  });

  it('may hold a colon', () => {
    known = { left: ['llama3:8b'] };
    expect(refs(create().plan({ model: 'llama3:8b' }))).toEqual(['left:llama3:8b']);
    expect(refs(create().plan({ model: 'left:llama3:8b' }))).toEqual(['left:llama3:8b']);
  });

  it('that means nothing names what is near to it', () => {
    const error = failure(() => create().plan({ model: 'smal' }));
    expect(error).toMatchObject({ code: 'model_not_found', http: 404, param: 'model' });
    expect(error.message).toBe('There is no model or chain "smal"; near to it: right:small');
    expect(failure(() => create().plan({ model: 'fst' })).message).toContain('near to it: fast');
    expect(failure(() => create().plan({ model: 'lfet:large' })).message).toContain('left:large');
    expect(failure(() => create().plan({ model: 'zzzzzzzzzz' })).message).toBe(
      'There is no model or chain "zzzzzzzzzz"',
    );
  });

  it('is shown safely, however odd it is', () => {
    const { message } = failure(() => create().plan({ model: `a"\n${'x'.repeat(300)}` }));
    expect(message.length).toBeLessThan(160);
    expect(message).not.toContain('\n');
    for (const model of ['__proto__', 'constructor', 'toString', 'left', 'left:', ':tiny', '__proto__:x']) {
      expect(failure(() => create().plan({ model })).code).toBe('model_not_found');
    }
  });
});

describe('plans and time', () => {
  it('are one object between requests, and models are one object between plans', () => {
    const router = create();
    expect(router.plan({})).toBe(router.plan({ model: 'default' }));
    expect(router.plan({ model: 'left:tiny' })).toBe(router.plan({ model: 'left:tiny' }));
    expect(router.plan({ models: ['tiny', 'fast'] })).toBe(router.plan({ models: ['tiny', 'fast'] }));
    expect(router.plan({ model: 'left:large' }).models[0]).toBe(router.plan({}).models[0]);
  });

  it('follow settings that are replaced', () => {
    const router = create();
    const before = router.plan({});
    settings = { ...settings, models: { ...settings.models, primary: 'right:small', fallbacks: [] } };
    expect(refs(router.plan({}))).toEqual(['right:small']);
    expect(refs(before)).toEqual(['left:large', 'right:small', 'demo:assistant']);
  });

  it('follow the demo model where it listens', () => {
    const router = create();
    const url = (): string | undefined => router.plan({ model: 'demo:assistant' }).models[0]?.provider.baseUrl;
    expect(url()).toBe('http://127.0.0.1:4000/v1');
    demoBaseUrl = 'http://127.0.0.1:5000/v1';
    expect(url()).toBe('http://127.0.0.1:5000/v1');
  });

  it('leave out members of a chain that mean nothing at present, as long as one is left', () => {
    settings = { ...settings, models: { ...settings.models, primary: 'not-served-yet', fallbacks: ['tiny'] } };
    const router = create();
    expect(refs(router.plan({}))).toEqual(['left:tiny']);
    settings = { ...settings, models: { ...settings.models, fallbacks: [] } };
    expect(failure(() => router.plan({}))).toMatchObject({ code: 'model_not_found' });
  });

  it('stay bounded, whatever callers name', () => {
    const router = create();
    for (let index = 0; index < 5_000; index += 1) router.plan({ model: `left:${index}` });
    expect(refs(router.plan({ model: 'left:4999' }))).toEqual(['left:4999']);
  });
});

describe('the list of models', () => {
  it('shows chains with their members, then models, and which are ready', () => {
    credentials = ['anthropic'];
    known = { anthropic: ['claude-x'], demo: ['assistant'], openai: ['gpt-x'] };
    settings = settingsSchema.parse({
      models: { primary: 'openai:gpt-x', fallbacks: ['tiny'], chains: { paid: { primary: 'openai:gpt-x' } } },
      providers: { left: local(1, 'tiny'), openai: {} },
    });
    const list = create().list();
    expect(list.map(({ id, kind, ready }) => [id, kind, ready])).toEqual([
      ['default', 'chain', true],
      ['paid', 'chain', false],
      ['left:tiny', 'model', true],
      ['openai:gpt-x', 'model', false],
      ['demo:assistant', 'model', true],
      ['anthropic:claude-x', 'model', true],
    ]);
    expect(list[0]).toMatchObject({ members: ['openai:gpt-x', 'left:tiny'], provider: undefined, model: undefined });
    expect(list[2]).toMatchObject({ members: [], provider: 'left', model: { ref: 'left:tiny' } });
  });

  it('shows a chain that has no model at present as not ready', () => {
    settings = settingsSchema.parse({ models: { primary: 'not-served-yet' } });
    expect(create().list()[0]).toMatchObject({ id: 'default', members: [], ready: false });
  });
});
