import { readFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { parseAuthFile } from '../auth-file.js';
import type { ConfigError } from '../problems/config-problem.js';
import { parseSettings } from '../load.js';
import { resolveKey } from '../settings/resolve-key.js';
import { fileVariable, settingVariables } from '../settings/setting-variables.js';

const page = await readFile(new URL('../../../../docs/configuration.md', import.meta.url), 'utf8');
const byHand = page.slice(0, page.indexOf('<!-- generated: settings -->'));

/** The fenced examples of a language, named by the heading that they stand under. */
function examples(language: string): readonly (readonly [string, string])[] {
  const found: [string, string][] = [];
  let heading = '';
  for (const [, title, fence, body] of byHand.matchAll(/^#+ (.+)$|^```(\w*)\n([\s\S]*?)^```$/gm)) {
    if (title !== undefined) heading = title;
    else if (fence === language) found.push([`${heading} (${found.length + 1})`, body ?? '']);
  }
  return found;
}

describe('docs/configuration.md', () => {
  it.each(examples('yaml'))('has a config.yml that loads without a warning: %s', (_, text) => {
    expect(parseSettings({ text, file: 'config.yml' }).warnings).toEqual([]);
  });

  it.each(examples('json'))('has an auth.json that loads: %s', (_, text) => {
    expect(parseAuthFile({ text, file: 'auth.json' }).length).toBeGreaterThan(0);
  });

  it('has examples of both files for each task', () => {
    expect(examples('yaml').length).toBeGreaterThan(15);
    expect(examples('json').length).toBeGreaterThan(2);
  });

  it('names only variables and settings that there are', () => {
    const variables = [...byHand.matchAll(/MOLTBOT_[A-Z_]*[A-Z]/g)].map(([name]) => name);
    const isVariable = (name: string) => settingVariables().has(name) || fileVariable(name) !== undefined;
    const others = new Set(['MOLTBOT_HOME', 'MOLTBOT_LANG', 'MOLTBOT_API_KEY']);
    expect(variables.filter((name) => !isVariable(name) && !others.has(name))).toEqual([]);
    const keys = [
      ...byHand.matchAll(/`((?:models|timeouts|server|providers|breaker|logs|storage|queue|worker)\.[a-z_.]+)`/g),
    ];
    const names = keys.map(([, key]) => key ?? '');
    const wrong = names.filter((key) => resolveKey(key)?.shape === undefined);
    expect(wrong).toEqual([]);
    expect(names.length).toBeGreaterThan(3);
  });

  it('sets by variables what it says it sets', () => {
    const [, text = ''] = examples('sh').find(([, text]) => text.includes('MOLTBOT_MODELS_PRIMARY')) ?? [];
    const env = Object.fromEntries(
      text
        .trim()
        .split('\n')
        .map((line) => line.split(/=(.*)/s).slice(0, 2) as [string, string]),
    );
    const { settings, warnings } = parseSettings({ text: '', file: 'config.yml', env });
    expect(warnings).toEqual([]);
    expect(settings.models).toMatchObject({
      primary: 'anthropic:claude-pro',
      fallbacks: ['openai:gpt-4-turbo', 'ollama:llama3'],
      retry_policy: { max_attempts: 5 },
    });
  });

  it('shows messages as they are', () => {
    const text = `models:
  primry: demo:a
  model_load_timeout: 3s
server:
  # a
  # b
  port: abc
`;
    const told = (text: string) => {
      try {
        parseSettings({ text, file: '/home/ann/.moltbot/config.yml' });
        return [];
      } catch (error) {
        return (error as ConfigError).message.split('\n');
      }
    };
    for (const line of [...told(text), ...told(`${'\n'.repeat(8)}models: {fallbacks: ["openia:a"]}`)]) {
      expect(byHand).toContain(line);
    }
  });
});
