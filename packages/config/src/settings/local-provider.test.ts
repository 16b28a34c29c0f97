import { describe, expect, it } from '@jest/globals';
import { settingsSchema } from '../schema.js';
import { withLocalProvider } from './local-provider.js';

const address = { baseUrl: 'http://127.0.0.1:4000/v1', token: 'secret' };

describe('local models', () => {
  it('are models of a provider at the address, free of charge, with what they can take', () => {
    const settings = settingsSchema.parse({
      local_models: { models: { small: { file: 'small.gguf', context: 512, max_output_tokens: 100 } } },
    });
    expect(withLocalProvider(settings, address).providers).toEqual({
      local: expect.objectContaining({
        kind: 'openai-compatible',
        base_url: address.baseUrl,
        headers: { authorization: 'Bearer secret' },
        proxy: 'direct',
        requires_credential: false,
        models: {
          small: {
            context_window: 512,
            max_output_tokens: 100,
            images: false,
            tools: false,
            prefill: true,
            price: { input: 0, output: 0 },
          },
        },
      }),
    });
    // What is made is a provider as the file could have it.
    expect(() => settingsSchema.parse({ providers: withLocalProvider(settings, address).providers })).not.toThrow();
  });

  it('change nothing where there are none, whatever `local` means there', () => {
    const settings = settingsSchema.parse({ providers: { local: { kind: 'demo' } } });
    expect(withLocalProvider(settings, address)).toBe(settings);
  });
});
