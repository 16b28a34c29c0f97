import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { MoltbotError } from '@moltbot/contracts';
import { temporaryHome } from './__fixtures__/temporary-home.js';
import { ConfigError } from './problems/config-problem.js';
import { loadConfig, type LoadOptions } from './load.js';
import { settingsSchema } from './schema.js';
import { shownSettings } from './reference/shown-settings.js';

const home = temporaryHome();
const load = (options: Partial<LoadOptions> = {}) => loadConfig({ paths: home.paths, env: {}, ...options });

/** The message with the home folder left out. */
async function refusal(options: Partial<LoadOptions> = {}): Promise<readonly string[]> {
  const error = await load(options).then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(ConfigError);
  expect((error as ConfigError).code).toBe('config_invalid');
  return (error as ConfigError).message.replaceAll(`${home.paths.home}/`, '').split('\n');
}

const OWNERS_FILE = `models:
  primary: anthropic:claude-pro
  fallbacks:
    - openai:gpt-4-turbo
    - ollama:llama3
  retry_policy:
    max_attempts: 3
    backoff_factor: 1.5
model_load_timeout: 30s
`;

describe('loadConfig', () => {
  it('warns of an entry of auth.json whose provider nobody knows', async () => {
    await home.writeConfig('providers: {team: {kind: openai, base_url: "http://127.0.0.1:1/v1"}}');
    const key = { type: 'api_key', key: 'k' };
    await home.writeAuth(JSON.stringify({ opnai: key, 'team:b': key, openai: key, zzzzzzzz: key }));
    const { warnings } = await load();
    expect(warnings.map(({ kind, message }) => [kind, message.replace(home.paths.authFile, 'auth.json')])).toEqual([
      ['unknown_provider', 'auth.json: `opnai`: there is no provider `opnai`; did you mean `openai`?'],
      ['unknown_provider', 'auth.json: `zzzzzzzz`: there is no provider `zzzzzzzz`'],
    ]);
  });

  it('gives the defaults where there is no file, and makes nothing', async () => {
    const { settings, origins, warnings, credentials } = await load({
      paths: {
        ...home.paths,
        configFile: join(home.paths.home, 'no/config.yml'),
        authFile: join(home.paths.home, 'no/a'),
      },
    });
    expect(settings).toEqual(settingsSchema.parse({}));
    expect(new Set([...origins.values()].map(({ kind }) => kind))).toEqual(new Set(['default']));
    expect([warnings, credentials]).toEqual([[], []]);
  });

  it('reads the file in its owner’s shape, and knows the line of each value', async () => {
    await home.writeConfig(OWNERS_FILE);
    const { settings, origins } = await load();
    expect(settings.models.primary).toBe('anthropic:claude-pro');
    expect(settings.models.fallbacks).toEqual(['openai:gpt-4-turbo', 'ollama:llama3']);
    expect(settings.model_load_timeout).toBe(30_000);
    const file = home.paths.configFile;
    expect(origins.get('models.fallbacks')).toEqual({ kind: 'file', file, line: 3 });
    expect(origins.get('models.retry_policy.backoff_factor')).toEqual({ kind: 'file', file, line: 8 });
    expect(origins.get('models.retry_policy.max_backoff')).toEqual({ kind: 'default' });
  });

  it('takes the file over the default, a variable over the file, and a flag over all', async () => {
    await home.writeConfig('server:\n  host: file\n  port: 1\n  metrics_port: 2\n');
    const { settings, origins } = await load({
      env: { MOLTBOT_SERVER_PORT: '11', MOLTBOT_SERVER_METRICS_PORT: '12' },
      flags: { 'server.metrics_port': 22 },
    });
    expect(settings.server).toMatchObject({ access: 'auto', host: 'file', port: 11, metrics_port: 22 });
    expect(origins.get('server.access')).toEqual({ kind: 'default' });
    expect(origins.get('server.host')).toMatchObject({ kind: 'file', line: 2 });
    expect(origins.get('server.port')).toEqual({ kind: 'environment', variable: 'MOLTBOT_SERVER_PORT' });
    expect(origins.get('server.metrics_port')).toEqual({ kind: 'flag', flag: '--metrics-port' });
  });

  it('gives an origin to what the user named, down to each header', async () => {
    await home.writeConfig(
      'providers:\n  my.server:\n    kind: openai\n    base_url: http://a/v1\n    headers: {x-team: b}\n',
    );
    const { origins } = await load();
    expect(origins.get('providers."my.server".base_url')).toMatchObject({ kind: 'file', line: 4 });
    expect(origins.get('providers."my.server".headers.x-team')).toMatchObject({ kind: 'file', line: 5 });
    expect(origins.get('providers."my.server".max_connections')).toEqual({ kind: 'default' });
  });

  it('reads every kind of value from variables', async () => {
    const { settings } = await load({
      env: {
        MOLTBOT_MODELS_FALLBACKS: 'openai:a, demo:b,',
        MOLTBOT_SERVER_ALLOWED_HOSTS: '["a.example", "b.example"]',
        MOLTBOT_MODELS_FALLBACK_FOR_EXPLICIT: 'Yes',
        MOLTBOT_MODELS_RETRY_POLICY_BACKOFF_FACTOR: '2.5',
        MOLTBOT_TIMEOUTS_GAP: '90s',
        MOLTBOT_SERVER_BODY_LIMIT: '1mb',
        MOLTBOT_SERVER_ACCESS: 'API_KEY',
        MOLTBOT_STORAGE_URL: 'postgres://ann:pw@db/moltbot',
        MOLTBOT_SERVER_PORT: '',
      },
    });
    expect(settings.models).toMatchObject({ fallbacks: ['openai:a', 'demo:b'], fallback_for_explicit: true });
    expect(settings.models.retry_policy.backoff_factor).toBe(2.5);
    expect(settings.timeouts.gap).toBe(90_000);
    expect(settings.server).toMatchObject({ allowed_hosts: ['a.example', 'b.example'], body_limit: 1_048_576 });
    expect(settings.server).toMatchObject({ access: 'api_key', port: 8080 });
    expect(settings.storage.url).toBe('postgres://ann:pw@db/moltbot');
  });

  it('warns of variables that look like ours, with the nearest that is', async () => {
    const { warnings } = await load({
      env: {
        MOLTBOT_SERVER_PROT: '1',
        MOLTBOT_QQQQ: '1',
        MOLTBOT_HOME: '/x',
        MOLTBOT_LANG: 'en',
        MOLTBOT_API_KEY: 'k',
        OTHER: '1',
      },
    });
    expect(warnings).toEqual([
      { kind: 'unknown_variable', message: 'MOLTBOT_SERVER_PROT is no setting; did you mean MOLTBOT_SERVER_PORT?' },
      { kind: 'unknown_variable', message: 'MOLTBOT_QQQQ is no setting' },
    ]);
  });

  it('takes flags dotted or nested, as texts or as values', async () => {
    const { settings } = await load({
      flags: {
        'server.port': '81',
        server: { host: '::1', metrics_port: undefined },
        'models.fallbacks': 'demo:a,demo:b',
      },
    });
    expect(settings.server).toMatchObject({ port: 81, host: '::1', metrics_port: 9090 });
    expect(settings.models.fallbacks).toEqual(['demo:a', 'demo:b']);
  });

  it('takes a group whose lines are all commented out as not set', async () => {
    await home.writeConfig('server:\n  # port: 1\nmodels:\n  chains:\nproviders:\n  ollama:\n');
    const { settings } = await load();
    expect(settings.server.port).toBe(8080);
    expect(settings.providers.ollama?.max_connections).toBe(512);
  });

  it('gives settings that nobody can change, and records that hold nothing but what was named', async () => {
    await home.writeConfig('providers: {ollama: {}}');
    const { settings } = await load();
    expect(() => {
      settings.server.port = 1;
    }).toThrow(TypeError);
    expect(() => settings.models.fallbacks.push('x')).toThrow(TypeError);
    expect(settings.providers['constructor']).toBeUndefined();
    expect(settings.providers['ollama']?.models['toString']).toBeUndefined();
  });
});

describe('a wrong config.yml', () => {
  it('is told in one line for each mistake, all of both files together', async () => {
    await home.writeConfig(`models:
  primry: demo:a
  model_load_timeout: 3s
  fallbacks: [demo:a, 3]
  retry_policy: {max_attempts: 99, backoff_factor: fast}
server:
  port: abc
  access: none
  body_limit: 5zb
  drain_grace: 2 weeks
port: 3
logs: [a]
providers:
  ollama: {base_url: ftp://host/v1, api_key: hunter2, headers: {x-team: 5, "x y": a}}
  "a b": {}
models2: {}
`);
    await home.writeAuth('{"openai": {"type": "api_key", "kye": "sk-canary"}}');
    expect(await refusal({ env: { MOLTBOT_SERVER_PORT: 'hunter2' }, flags: { 'server.metrics_port': 'x' } })).toEqual([
      'config.yml:2: models.primry: unknown key; did you mean `models.primary`?',
      'config.yml:3: models.model_load_timeout: unknown key; did you mean `model_load_timeout`?',
      'config.yml:4: models.fallbacks: entry 2: expected text (numbers, true and false need quotes); found 3',
      'config.yml:5: models.retry_policy.max_attempts: expected a whole number from 1 to 10; found 99',
      'config.yml:5: models.retry_policy.backoff_factor: expected a number from 1 to 10; found "fast"',
      'config.yml:7: server.port: expected a whole number from 0 to 65535; found "abc"',
      'config.yml:8: server.access: expected one of auto, open, api_key; found "none"',
      'config.yml:9: server.body_limit: expected a size like 512kb or 32mb, from 1b to 1gb; found "5zb"',
      'config.yml:10: server.drain_grace: expected a length of time like 30s, 500ms or 2m, from 0s to 1d; found "2 weeks"',
      'config.yml:11: port: unknown key; did you mean `server.port`?',
      'config.yml:12: logs: expected a mapping (indented lines of `key: value`); found a list',
      'config.yml:14: providers.ollama.base_url: expected an http:// or https:// URL; found "ftp://host/v1"',
      'config.yml:14: providers.ollama.headers.x-team: expected text (numbers, true and false need quotes)',
      'config.yml:14: providers.ollama.headers."(a name of 3 characters)": expected the name of an HTTP header',
      'config.yml:14: providers.ollama.api_key: unknown key; keys of providers belong in auth.json',
      'config.yml:15: providers."(a name of 3 characters)": expected a letter, then letters, digits, _ . or -; at most 64',
      'config.yml:16: models2: unknown key; did you mean `models`?',
      'MOLTBOT_SERVER_PORT: server.port: expected a whole number from 0 to 65535',
      '--metrics-port: server.metrics_port: expected a whole number from 0 to 65535',
      'auth.json:1: openai.key: is missing; expected text',
      'auth.json:1: openai.kye: unknown key; did you mean `openai.key`?',
    ]);
  });

  it('carries the problems for programs too', async () => {
    await home.writeConfig('server:\n  prt: 1\n');
    const error = (await load().catch((error: unknown) => error)) as ConfigError;
    expect(error).toBeInstanceOf(MoltbotError);
    expect(error.problems).toEqual([
      {
        kind: 'unknown_key',
        origin: { kind: 'file', file: home.paths.configFile, line: 2 },
        key: 'server.prt',
        detail: 'unknown key; did you mean `server.port`?',
      },
    ]);
  });

  it('is wrong even where a variable hides the mistake', async () => {
    await home.writeConfig('server: {port: abc}');
    expect(await refusal({ env: { MOLTBOT_SERVER_PORT: '1' } })).toHaveLength(1);
  });

  it.each([
    ['- a\n- b', 'config.yml:1: expected a mapping (indented lines of `key: value`); found a list'],
    ['just text', 'config.yml:1: expected a mapping (indented lines of `key: value`); found "just text"'],
    [
      'models:\n  primary:\n',
      'config.yml:2: models.primary: expected text (numbers, true and false need quotes); found nothing',
    ],
    ['models: {chains: {a: {}}}', 'config.yml:1: models.chains.a.primary: is missing; expected text'],
    ['models: {primary: ""}', 'config.yml:1: models.primary: expected text that is not empty; found ""'],
    ['server: {port: 1.5}', 'config.yml:1: server.port: expected a whole number from 0 to 65535; found 1.5'],
    [
      'timeouts: {gap: .nan}',
      'config.yml:1: timeouts.gap: expected a length of time like 30s, 500ms or 2m, from 10ms to 1d; found NaN',
    ],
    ['storage: {url: mysql://ann:hunter2@db/x}', 'config.yml:1: storage.url: expected `embedded` or a postgres:// URL'],
    ['server: {port: sk-ant-hunter2}', 'config.yml:1: server.port: expected a whole number from 0 to 65535'],
  ])('says for %p what was expected', async (text, message) => {
    await home.writeConfig(text);
    expect(await refusal()).toEqual([message]);
  });

  it('prints fifty mistakes and counts the rest', async () => {
    await home.writeConfig(Array.from({ length: 80 }, (_, index) => `qqq${index}: 1`).join('\n'));
    const lines = await refusal();
    expect(lines).toHaveLength(51);
    expect(lines.at(-1)).toBe('… and 30 more');
  });
});

describe('a config.yml that cannot be read', () => {
  it('is refused when it is a folder, too large or no UTF-8', async () => {
    await mkdir(home.paths.configFile);
    expect(await refusal()).toEqual(['config.yml: cannot be read: it is a folder']);
    const file = (name: string) => ({ paths: { ...home.paths, configFile: join(home.paths.home, name) } });
    await writeFile(join(home.paths.home, 'large'), '#'.repeat(1_048_577));
    expect(await refusal(file('large'))).toEqual(['large: cannot be read: it is larger than 1 MiB']);
    await writeFile(join(home.paths.home, 'utf16'), Buffer.from('\uFEFFmodels: {}', 'utf16le'));
    expect(await refusal(file('utf16'))).toEqual(['utf16: cannot be read: it is not UTF-8 text; save it as UTF-8']);
    await symlink('loop', join(home.paths.home, 'loop'));
    expect(await refusal(file('loop'))).toEqual(['loop: cannot be read: it is a link to itself']);
    await writeFile(join(home.paths.home, 'exact'), '#'.repeat(1_048_576));
    expect((await load(file('exact'))).settings.server.port).toBe(8080);
  });

  it('keeps nobody waiting when it is a pipe or a device', async () => {
    const paths = { ...home.paths, configFile: '/dev/zero' };
    if (process.platform !== 'win32')
      expect(await refusal({ paths })).toEqual(['/dev/zero: cannot be read: it is no regular file']);
  });
});

describe('shownSettings', () => {
  it('writes values as the file has them, and stars for secrets', async () => {
    await home.writeConfig(`providers:
  azure:
    kind: openai
    base_url: https://ann:hunter2@a.example/v1
    headers: {authorization: hunter2}
    query: {api-version: "2024-10-21", code: hunter2}
timeouts: {gap: 90}
`);
    const loaded = await load({ env: { MOLTBOT_STORAGE_URL: 'postgres://ann:hunter2@db/x' } });
    const rows = shownSettings(loaded);
    expect(JSON.stringify(rows)).not.toContain('hunter2');
    const valueOf = (key: string) => rows.find((row) => row.key === key)?.value;
    expect(valueOf('timeouts.gap')).toBe('90s');
    expect(valueOf('server.body_limit')).toBe('32mb');
    expect(valueOf('storage.url')).toBe('postgres://***@db/x');
    expect(valueOf('providers.azure.base_url')).toBe('https://***@a.example/v1');
    expect(valueOf('providers.azure.query.api-version')).toBe('2024-10-21');
    expect(valueOf('providers.azure.headers.authorization')).toBe('***');
    expect(rows.find((row) => row.key === 'logs.file')).toEqual({
      key: 'logs.file',
      value: undefined,
      origin: { kind: 'default' },
    });
  });
});
