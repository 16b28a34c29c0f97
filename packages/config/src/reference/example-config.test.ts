import { describe, expect, it } from '@jest/globals';
import { describeSettings } from './describe.js';
import { exampleConfig } from './example-config.js';
import { parseSettings } from '../load.js';
import { settingsSchema } from '../schema.js';

/** Turns the examples of what has no default on: lines that begin with # and no single space. */
function uncommented(text: string): string {
  return text.replace(/^(\s*)#(?! \S)/gm, '$1');
}

describe('exampleConfig', () => {
  it('sets exactly the defaults', () => {
    expect(parseSettings({ text: exampleConfig(), file: 'example.yml' }).settings).toEqual(settingsSchema.parse({}));
  });

  it('names every setting, and loads with all its examples turned on', () => {
    const text = uncommented(exampleConfig());
    const { settings, origins, warnings } = parseSettings({ text, file: 'example.yml' });
    expect(warnings).toEqual([]);
    expect([...origins].filter(([, origin]) => origin.kind !== 'file').map(([key]) => key)).toEqual([]);
    const generic = [...origins.keys()].map((key) =>
      key
        .replace('chains.careful', 'chains.<name>')
        .replace('providers.my-server', 'providers.<name>')
        .replace('oidc.roles.staff', 'oidc.roles.<name>')
        .replace('prompts.support', 'prompts.<name>')
        .replace(
          /(headers|query|models|authorize_params|queues|attributes)\.(x-team|api-version|my-model|prompt|default|"[^"]*")/,
          '$1.<name>',
        ),
    );
    expect(generic).toEqual(describeSettings().map(({ key }) => key));
    expect(settings.models.policy_chain).toBe('careful');
  });

  it('has no line that is too long to read', () => {
    expect(
      exampleConfig()
        .split('\n')
        .filter((line) => line.length > 120),
    ).toEqual([]);
  });
});
