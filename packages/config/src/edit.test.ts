import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { temporaryHome } from './__fixtures__/temporary-home.js';
import type { ConfigError } from './problems/config-problem.js';
import { editConfigFile, setConfigValue } from './edit.js';
import { exampleConfig } from './reference/example-config.js';
import { parseSettings } from './load.js';
import { settingEntries } from './settings/setting-entries.js';
import { formatKey } from './settings/setting-key.js';
import { leaves } from './settings/setting-shape.js';

const FILE = `# mine
models:   # the models
    primary:   anthropic:claude-pro     # best
    fallbacks:
      - openai:gpt-4  # second
      - 'demo:x'
    retry_policy: {max_attempts: 3,backoff_factor: 1.5}


server:
  # nothing yet
logs:
  level: "info"

# end
`;

const set = (key: string, value: string, text = FILE) => setConfigValue({ text, key, value });

/** The lines that went and came. */
function difference(before: string, after: string): readonly string[] {
  const [left, right] = [before.split('\n'), after.split('\n')];
  return [
    ...left.filter((line) => !right.includes(line)).map((line) => `- ${line}`),
    ...right.filter((line) => !left.includes(line)).map((line) => `+ ${line}`),
  ];
}

function refusal(key: string, value: string, text = FILE): string {
  try {
    set(key, value, text);
  } catch (error) {
    return (error as ConfigError).message;
  }
  return 'was taken';
}

describe('setConfigValue', () => {
  it.each([
    [
      'models.primary',
      'openai:gpt-5',
      ['-     primary:   anthropic:claude-pro     # best', '+     primary:   openai:gpt-5     # best'],
    ],
    [
      'models.retry_policy.max_attempts',
      '5',
      [
        '-     retry_policy: {max_attempts: 3,backoff_factor: 1.5}',
        '+     retry_policy: {max_attempts: 5,backoff_factor: 1.5}',
      ],
    ],
    [
      'models.retry_policy.max_backoff',
      '4s',
      [
        '-     retry_policy: {max_attempts: 3,backoff_factor: 1.5}',
        '+     retry_policy: {max_attempts: 3,backoff_factor: 1.5, max_backoff: 4s}',
      ],
    ],
    [
      'models.fallbacks',
      '[demo:a, demo:b]',
      ['-       - openai:gpt-4  # second', "-       - 'demo:x'", '+       - demo:a', '+       - demo:b'],
    ],
    ['models.fallbacks', 'demo:a', ['-       - openai:gpt-4  # second', "-       - 'demo:x'", '+       - demo:a']],
    [
      'models.fallbacks',
      '[]',
      ['-     fallbacks:', '-       - openai:gpt-4  # second', "-       - 'demo:x'", '+     fallbacks: []'],
    ],
    ['models.policy_chain', 'default', []],
    ['server.port', '81', ['+   port: 81']],
    ['logs.format', 'JSON', ['+   format: json']],
    ['logs.file', '123', ['+   file: "123"']],
    ['logs.file', '/a b: c # d', ['+   file: "/a b: c # d"']],
    ['logs.file', '*a', ['+   file: "*a"']],
    ['logs.file', '"quoted"', ['+   file: quoted']],
    ['timeouts.gap', '90', ['+ timeouts:', '+   gap: 90']],
    [
      'providers.mine',
      '{kind: openai, base_url: "http://a/v1"}',
      ['+ providers:', '+   mine: {kind: openai, base_url: http://a/v1}'],
    ],
    [
      'providers.ollama.models.llama3.2:1b.images',
      'yes',
      ['+ providers:', '+   ollama:', '+     models:', '+       llama3.2:1b:', '+         images: true'],
    ],
  ])('changes for %s = %s only what it must', (key, value, lines) => {
    if (lines.length === 0) return expect(refusal(key, value)).toContain('its own policy chain');
    expect(difference(FILE, set(key, value))).toEqual(lines);
  });

  it('works on files of any kind', () => {
    expect(set('server.port', '1', '')).toBe('server:\n  port: 1\n');
    expect(set('server.port', '1', '# only this')).toBe('# only this\nserver:\n  port: 1\n');
    expect(set('server.port', '1', 'server: {}')).toBe('server: {port: 1}');
    expect(set('server.port', '1', '{}\n')).toBe('{server: {port: 1}}\n');
    expect(set('server.port', '1', 'server:')).toBe('server:\n  port: 1');
    expect(set('server.port', '1', 'server:\n  port:\n  host: a\n')).toBe('server:\n  port: 1\n  host: a\n');
    expect(set('server.port', '1', 'server:\n  port:   # mine\n')).toBe('server:\n  port: 1   # mine\n');
    expect(set('server.port', '1', 'server:\r\n  host: a # b\r\nlogs: {}\r\n')).toBe(
      'server:\r\n  host: a # b\r\n  port: 1\r\nlogs: {}\r\n',
    );
    expect(set('logs.level', 'warn', 'logs:\n  file: |\n    /a\n')).toBe('logs:\n  file: |\n    /a\n  level: warn\n');
  });

  it('writes over what took several lines, with all comments', () => {
    const text = '# a\nlogs:\n  file: >-\n    /a\n    /b\n  level: info # c\n';
    expect(set('logs.file', '/x', text)).toBe('# a\nlogs:\n  file: /x\n  level: info # c\n');
  });

  it('keeps keys that it does not know', () => {
    const text = 'future:   [1,2]  # kept\nserver: {port: 1}\n';
    expect(set('server.port', '2', text)).toBe('future:   [1,2]  # kept\nserver: {port: 2}\n');
  });

  it('mends a file that is wrong', () => {
    expect(set('server.port', '2', 'server: {port: abc}')).toBe('server: {port: 2}');
  });

  it.each([
    ['server.port', 'abc', 'config.yml:11: server.port: expected a whole number from 0 to 65535; found "abc"'],
    ['server.prt', '1', 'config.yml:11: server.prt: unknown key; did you mean `server.port`?'],
    [
      'models.primary',
      'zzz:a',
      'config.yml:3: models.primary: no provider `zzz` is configured; add it under `providers`',
    ],
    [
      'server.metrics_port',
      '8080',
      'config.yml:11: server.metrics_port: `server.port` and `server.metrics_port` are both 8080; they must differ',
    ],
    ['storage.url', 'mysql://a:hunter2@b/c', 'config.yml:15: storage.url: expected `embedded` or a postgres:// URL'],
    [
      'server',
      '{port: [',
      'VALUE: server: the value cannot be read: the indentation does not fit the lines above, or a bracket is not closed',
    ],
    ['a..b', '1', 'KEY: expected a key with dots between its parts, as `server.port`'],
    ['__proto__.x', '1', 'config.yml:1: __proto__.x: cannot be set by this command; edit the file'],
    ['logs', '{__proto__: {level: warn}}', 'VALUE: logs: the value cannot be read: this key is never taken'],
  ])('refuses %s = %s with the message that loading would give', (key, value, message) => {
    expect(refusal(key, value)).toBe(message);
  });

  it('refuses a file with errors of syntax as it is', () => {
    expect(refusal('server.port', '1', 'server: [')).toMatch(/^config\.yml:1:\d+: /);
  });

  it('then loads with that value and all others as before, whatever is set', () => {
    const written: Readonly<Record<string, fc.Arbitrary<string>>> = {
      integer: fc.integer({ min: 1, max: 10 }).map(String),
      number: fc.double({ min: 1, max: 9, noNaN: true }).map((value) => value.toFixed(2)),
      boolean: fc.constantFrom('true', 'false', 'yes', 'off'),
      duration: fc.constantFrom('1s', '1500ms', '0.5m', '20'),
      size: fc.constantFrom('2kb', '0.5mb', '4096'),
      list: fc
        .array(fc.constantFrom('demo:a', 'openai:b:c', 'gemini:d-1.5'), { maxLength: 3 })
        .map((names) => JSON.stringify(names)),
      url: fc.constantFrom('http://a.example/v1', 'https://b.example:8443/'),
    };
    const texts: Readonly<Record<string, fc.Arbitrary<string>>> = {
      'models.primary': fc.constantFrom('demo:a', 'ollama:llama3:8b'),
      'models.policy_chain': fc.constant('careful'),
      'drill.schedule': fc.constantFrom('30 4 * * *', '*/5 0-6 1 * 7'),
      'storage.url': fc.constantFrom('embedded', 'postgres://a:b@c/d?e=f#g'),
      'queue.url': fc.constantFrom('storage', 'redis://127.0.0.1:6379/1', 'redis+sentinel://:p@a,b:1/main/2'),
      'credentials.store': fc.constantFrom('auto', 'file', 'rediss://127.0.0.1:6379/1'),
      'objects.url': fc.constantFrom('folder', 'https://s3.example.com/moltbot'),
      'state.url': fc.constantFrom('memory', 'redis://127.0.0.1:6379/1', 'rediss+cluster://u:p@a,[::1]:7000'),
      'log_analysis.folders': fc.constantFrom('[]', '["/var/log/my-app"]'),
      'server.host': fc.constantFrom('::1', '0.0.0.0', 'a.example', '1'),
      'logs.syslog.url': fc.constantFrom('tls://logs.example.com:6514', 'udp://127.0.0.1:514'),
      'logs.file': fc
        .string({ minLength: 1, maxLength: 20, unit: 'grapheme-ascii' })
        .filter((text) => /^[^\s"'].*\S$|^[^\s"']$/.test(text)),
    };
    const settable = [...leaves()]
      .filter(({ path }) => !path.includes('<name>') && !path.includes('oidc'))
      .map(({ path, leaf }) => ({ key: formatKey(path), leaf }));
    const change = fc.constantFrom(...settable).chain(({ key, leaf }) => {
      const value = leaf.kind === 'choice' ? fc.constantFrom(...leaf.choices) : (texts[key] ?? written[leaf.kind]);
      // Where a bound of its own is in the way: what it is anyway.
      const inBounds = (value: string) => (isTaken(key, value) ? value : String(leaf.default ?? value));
      return (value ?? fc.constant('x')).map((value) => ({ key, value: inBounds(value) }));
    });
    const isTaken = (key: string, value: string): boolean => {
      try {
        return setConfigValue({ text: 'models: {chains: {careful: {primary: "demo:z"}}}', key, value }) !== '';
      } catch {
        return false;
      }
    };
    const chain = '\nmodels:\n  chains: {careful: {primary: "demo:z"}} # kept\n';
    const files = [
      'models: {chains: {careful: {primary: "demo:z"}}}',
      chain,
      exampleConfig().replace('  #policy_chain', '  chains: {careful: {primary: "demo:z"}} # kept\n  #policy_chain'),
    ];
    const valuesOf = (text: string) =>
      new Map(
        settingEntries(parseSettings({ text, file: 'c.yml' }).settings).map(({ path, value }) => [
          formatKey(path),
          value,
        ]),
      );

    fc.assert(
      fc.property(fc.constantFrom(...files), fc.array(change, { minLength: 1, maxLength: 5 }), (file, changes) => {
        let text = file;
        for (const { key, value } of changes) {
          const before = valuesOf(text);
          text = setConfigValue({ text, key, value });
          const after = valuesOf(text);
          const expected = parseSettings({
            text: '',
            file: '',
            flags: { 'models.chains.careful.primary': 'demo:z', [key]: value },
          });
          const wanted = settingEntries(expected.settings).find(({ path }) => formatKey(path) === key)?.value;
          expect(after.get(key)).toEqual(wanted);
          expect(
            [...after].filter(
              ([other, value]) => other !== key && JSON.stringify(before.get(other)) !== JSON.stringify(value),
            ),
          ).toEqual([]);
        }
        const comments = (text: string) => text.match(/#.*$/gm) ?? [];
        expect(comments(text)).toEqual(expect.arrayContaining(comments(file)));
      }),
      { numRuns: 60 },
    );
  });
});

describe('editConfigFile', () => {
  const home = temporaryHome();

  it('makes the file where there is none, and keeps the mode of one that is there', async () => {
    await editConfigFile({ paths: home.paths, key: 'server.port', value: '81' });
    expect(await readFile(home.paths.configFile, 'utf8')).toBe('server:\n  port: 81\n');
    expect((await stat(home.paths.configFile)).mode & 0o777).toBe(0o600);
    expect(await readdir(home.paths.home)).toEqual(['config.yml']);
  });

  it('loses none of the edits that come at the same time, and writes nothing that is wrong', async () => {
    await writeFile(home.paths.configFile, '# mine\n', { mode: 0o644 });
    const keys = ['timeouts.gap', 'timeouts.total', 'breaker.window', 'server.drain_grace', 'worker.drain_grace'];
    await Promise.all(keys.map((key) => editConfigFile({ paths: home.paths, key, value: '7s' })));
    await expect(editConfigFile({ paths: home.paths, key: 'server.port', value: 'x' })).rejects.toMatchObject({
      code: 'config_invalid',
    });
    const text = await readFile(home.paths.configFile, 'utf8');
    const { origins } = parseSettings({ text, file: 'c.yml' });
    expect(keys.map((key) => origins.get(key)?.kind)).toEqual(keys.map(() => 'file'));
    expect(text.startsWith('# mine\n')).toBe(true);
    expect((await stat(home.paths.configFile)).mode & 0o777).toBe(0o644);
  });
});
