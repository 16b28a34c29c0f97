import { describe, expect, it } from '@jest/globals';
import type { ConfigError } from './config-problem.js';
import { parseSettings } from '../load.js';

const parse = (text: string, env = {}) => parseSettings({ text, file: 'c.yml', env });
function refusal(text: string, env = {}): readonly string[] {
  try {
    parse(text, env);
  } catch (error) {
    return (error as ConfigError).message.split('\n');
  }
  return [];
}

describe('names of models', () => {
  it('may be of builtin and configured providers, chains, and models that one provider lists', () => {
    const { warnings } = parse(`models:
  primary: fast
  fallbacks: [openai:a, anthropic:b, gemini:c, ollama:d:8b, lmstudio:e, vllm:f, llamacpp:g, demo:h, mine:i, listed]
  policy_chain: fast
  chains:
    fast: {primary: demo:a, fallbacks: [demo:b]}
    slow: {primary: default, policy_chain: fast}
providers:
  mine: {kind: openai-compatible, base_url: "http://127.0.0.1:1/v1", models: {listed: {}}}
`);
    expect(warnings).toEqual([]);
  });

  it.each([
    ['models: {primary: "openia:gpt-4"}', 'models.primary: no provider `openia` is configured; did you mean `openai`?'],
    [
      'models: {fallbacks: ["demo:a", "zzz:b"]}',
      'models.fallbacks: no provider `zzz` is configured; add it under `providers`',
    ],
    [
      'models: {primary: ":b"}',
      'models.primary: expected `provider:model`, the name of a chain, or the name of a model',
    ],
    [
      'models: {primary: "openai:"}',
      'models.primary: expected `provider:model`, the name of a chain, or the name of a model',
    ],
    [
      'models: {primary: "constructor:x"}',
      'models.primary: no provider `constructor` is configured; add it under `providers`',
    ],
    [
      'models: {policy_chain: carefull, chains: {careful: {primary: "demo:a"}}}',
      'models.policy_chain: no chain `carefull` is configured; did you mean `careful`?',
    ],
    [
      'models: {chains: {a: {primary: "demo:a", policy_chain: a}}}',
      'models.chains.a.policy_chain: a chain cannot be its own policy chain',
    ],
    ['models: {policy_chain: default}', 'models.policy_chain: a chain cannot be its own policy chain'],
    [
      'models: {chains: {default: {primary: "demo:a"}}}',
      'models.chains.default: `default` is the chain of `models.primary` and `models.fallbacks`; give this one another name',
    ],
    [
      '{models: {primary: m}, providers: {ollama: {models: {m: {}}}, vllm: {models: {m: {}}}}}',
      'models.primary: more than one provider lists this model; write `ollama:m` or `vllm:m`',
    ],
  ])('are refused where they lead nowhere: %s', (text, message) => {
    expect(refusal(text)).toEqual([`c.yml:1: ${message}`]);
  });

  it('are told with the line of the entry', () => {
    expect(refusal('models:\n  fallbacks:\n    - demo:a\n    - zzz:b\n')).toEqual([
      'c.yml:4: models.fallbacks: no provider `zzz` is configured; add it under `providers`',
    ]);
  });

  it('are told with the variable that holds them', () => {
    expect(refusal('', { MOLTBOT_MODELS_FALLBACKS: 'demo:a,zzz:b' })).toEqual([
      'MOLTBOT_MODELS_FALLBACKS: models.fallbacks: no provider `zzz` is configured; add it under `providers`',
    ]);
  });

  it('without a provider are only warned of: the provider may serve what it does not list', () => {
    const { warnings } = parse(
      'models: {primary: gpt-4-turbo, fallbacks: [fsat], chains: {fast: {primary: "demo:a"}}}',
    );
    expect(warnings.map(({ message }) => message)).toEqual([
      'models.primary: `gpt-4-turbo` is no chain and no model that a provider lists; write it as `provider:model`',
      'models.fallbacks: `fsat` is no chain and no model that a provider lists; did you mean the chain `fast`?',
    ]);
  });
});

describe('chains', () => {
  it.each([
    ['models: {primary: default}', 'models.primary: the chain contains itself: default → default'],
    [
      'models: {primary: a, chains: {a: {primary: "demo:a", fallbacks: [default]}}}',
      'models.chains.a.fallbacks: the chain contains itself: default → a → default',
    ],
    [
      'models: {chains: {a: {primary: b}, b: {primary: c}, c: {primary: "demo:a", fallbacks: [b]}}}',
      'models.chains.c.fallbacks: the chain contains itself: b → c → b',
    ],
  ])('that contain themselves are refused: %s', (text, message) => {
    expect(refusal(text)).toEqual([`c.yml:1: ${message}`]);
  });

  it('may be used by several others', () => {
    const text =
      'models: {primary: a, fallbacks: [b], chains: {a: {primary: c}, b: {primary: c}, c: {primary: "demo:a"}}}';
    expect(refusal(text)).toEqual([]);
  });

  it('of any length are followed, and more than 256 are refused', () => {
    const chains = (count: number) =>
      `models:\n  chains:\n${Array.from({ length: count }, (_, index) => `    c${index}: {primary: ${index + 1 < count ? `c${index + 1}` : 'demo:a'}}`).join('\n')}`;
    expect(refusal(chains(256))).toEqual([]);
    expect(refusal(chains(257))).toEqual(['c.yml:2: models.chains: expected at most 256 chains; found a mapping']);
  });
});

describe('providers', () => {
  it('of our own names need neither kind nor address, others both', () => {
    expect(refusal('providers:\n  vllm: {}\n  mine:\n    api: chat\n  other: {kind: demo}\n')).toEqual([
      'c.yml:3: providers.mine.kind: is missing; expected one of openai, anthropic, gemini, openai-compatible, demo, because `mine` is none of openai, anthropic, gemini, ollama, lmstudio, vllm, llamacpp, demo',
      'c.yml:3: providers.mine.base_url: is missing; expected an http:// or https:// URL, because `mine` is none of openai, anthropic, gemini, ollama, lmstudio, vllm, llamacpp, demo',
    ]);
  });
});

describe('ports', () => {
  it('must differ, unless the system chooses them', () => {
    expect(refusal('server: {port: 9090}')).toEqual([
      'c.yml:1: server.port: `server.port` and `server.metrics_port` are both 9090; they must differ',
    ]);
    expect(refusal('server:\n  port: 1\n  metrics_port: 1\n')).toEqual([
      'c.yml:3: server.metrics_port: `server.port` and `server.metrics_port` are both 1; they must differ',
    ]);
    expect(refusal('server: {port: 0, metrics_port: 0}')).toEqual([]);
  });

  it('are told with the variable that makes them equal', () => {
    expect(refusal('server: {port: 1}', { MOLTBOT_SERVER_METRICS_PORT: '1' })[0]).toMatch(
      /^MOLTBOT_SERVER_METRICS_PORT: /,
    );
  });
});

it('an unknown key hides no other mistake', () => {
  expect(refusal('qqq: 1\nmodels: {primary: "zzz:b"}')).toEqual([
    'c.yml:1: qqq: unknown key',
    'c.yml:2: models.primary: no provider `zzz` is configured; add it under `providers`',
  ]);
});
