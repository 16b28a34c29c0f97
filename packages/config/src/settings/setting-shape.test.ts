import { describe, expect, it } from '@jest/globals';
import { describeSettings, settingsReferenceMarkdown } from '../reference/describe.js';
import { settingsSchema } from '../schema.js';
import { leaves, shapeAt } from './setting-shape.js';
import { settingVariables } from './setting-variables.js';

describe('the shape of the settings', () => {
  it('has a description for every setting and for every group', () => {
    const nameless = [...leaves()].filter(({ leaf }) => leaf.description === '').map(({ path }) => path.join('.'));
    expect(nameless).toEqual([]);
    const groups = [...leaves()].flatMap(({ path }) => path.map((_, length) => path.slice(0, length)).slice(1));
    const silent = groups.filter((path) => path.at(-1) !== '<name>' && shapeAt(path)?.description === '');
    expect(silent).toEqual([]);
  });

  it('knows kinds, bounds and defaults as they are written in a file', () => {
    expect(shapeAt(['server', 'port'])).toMatchObject({
      kind: 'integer',
      default: 8080,
      expected: 'expected a whole number from 0 to 65535',
    });
    expect(shapeAt(['timeouts', 'gap'])).toMatchObject({ kind: 'duration', default: '60s' });
    expect(shapeAt(['server', 'body_limit'])).toMatchObject({ kind: 'size', default: '32mb' });
    expect(shapeAt(['server', 'access'])).toMatchObject({ kind: 'choice', choices: ['auto', 'open', 'api_key'] });
    expect(shapeAt(['models', 'fallbacks'])).toMatchObject({ kind: 'list', default: [] });
    expect(shapeAt(['models', 'chains', 'any', 'primary'])).toMatchObject({ kind: 'text', required: true });
    expect(shapeAt(['models', 'chains', 'any', 'timeouts', 'gap'])).toMatchObject({
      default: undefined,
      required: false,
    });
    expect(shapeAt(['providers', 'any', 'base_url'])).toMatchObject({ kind: 'url' });
    expect(shapeAt(['server', 'max_in_flight'])).toMatchObject({ expected: 'expected a whole number of at least 1' });
    expect(shapeAt(['server', 'nothing'])).toBeUndefined();
  });
});

describe('variables of settings', () => {
  it('are named by the path, each of them once', () => {
    const names = [...settingVariables().keys()];
    expect(names).toEqual(
      expect.arrayContaining([
        'MOLTBOT_MODELS_PRIMARY',
        'MOLTBOT_MODELS_RETRY_POLICY_MAX_ATTEMPTS',
        'MOLTBOT_MODEL_LOAD_TIMEOUT',
        'MOLTBOT_SERVER_PORT',
        'MOLTBOT_STORAGE_URL',
      ]),
    );
    const withoutNames = [...leaves()].filter(({ path }) => !path.includes('<name>'));
    expect(names).toHaveLength(withoutNames.length);
    expect(names.filter((name) => /PROVIDERS|CHAINS/.test(name))).toEqual([]);
  });
});

describe('chains', () => {
  it('override only the limits that they name', () => {
    const { models } = settingsSchema.parse({
      models: { chains: { fast: { primary: 'demo:a', retry_policy: { max_attempts: 1 }, timeouts: { gap: '5s' } } } },
    });
    expect(models.chains.fast).toEqual({
      primary: 'demo:a',
      fallbacks: [],
      retry_policy: { max_attempts: 1 },
      timeouts: { gap: 5_000 },
    });
  });
});

describe('describeSettings', () => {
  it('gives each setting with its default, its variable and when a change takes effect', () => {
    const rows = new Map(describeSettings().map((row) => [row.key, row]));
    expect(rows.get('models.retry_policy.max_backoff')).toEqual({
      key: 'models.retry_policy.max_backoff',
      type: 'a length of time from 0s to 5m',
      default: '8s',
      required: false,
      description: 'Upper bound of any wait.',
      environmentVariable: 'MOLTBOT_MODELS_RETRY_POLICY_MAX_BACKOFF',
      restart: false,
    });
    expect(rows.get('server.port')).toMatchObject({ restart: true });
    expect(rows.get('providers.<name>.headers.<name>')).toMatchObject({ environmentVariable: undefined });
  });

  it('becomes one line of Markdown for each setting', () => {
    const markdown = settingsReferenceMarkdown();
    for (const { key } of describeSettings()) expect(markdown).toContain(`| \`${key}\` |`);
    const rows = markdown.split('\n').filter((line) => line.startsWith('| `'));
    expect(rows.filter((row) => row.split(/(?<!\\)\|/).length !== 6)).toEqual([]);
  });
});
