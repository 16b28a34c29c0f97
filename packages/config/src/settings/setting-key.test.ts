import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { resolveKey } from './resolve-key.js';
import { formatKey, splitKey } from './setting-key.js';

describe('keys of settings', () => {
  it('are dotted, with quotes around names that hold a dot', () => {
    expect(formatKey(['providers', 'my.server', 'base_url'])).toBe('providers."my.server".base_url');
    expect(splitKey('providers."my.server".base_url')).toEqual(['providers', 'my.server', 'base_url']);
  });

  it('read back as they were written, whatever the names', () => {
    const name = fc.string({ minLength: 1, unit: 'grapheme' });
    fc.assert(
      fc.property(fc.array(name, { minLength: 1, maxLength: 4 }), (path) => {
        expect(splitKey(formatKey(path))).toEqual(path);
      }),
    );
  });

  it.each(['', '.', 'a.', '.a', 'a..b', 'a."b', '"a"b', '""'])('are refused where a part is missing: %p', (key) => {
    expect(splitKey(key)).toBeUndefined();
  });
});

describe('resolveKey', () => {
  it.each([
    ['server.port', ['server', 'port']],
    ['models.chains.fast.primary', ['models', 'chains', 'fast', 'primary']],
    ['models.chains.v1.2.primary', ['models', 'chains', 'v1.2', 'primary']],
    ['providers.ollama.models.llama3.2:1b.images', ['providers', 'ollama', 'models', 'llama3.2:1b', 'images']],
    ['providers.my.server.headers.x.y', ['providers', 'my.server', 'headers', 'x.y']],
    ['providers."a.b"', ['providers', 'a.b']],
  ])('finds %p', (key, path) => {
    const resolved = resolveKey(key);
    expect(resolved?.path).toEqual(path);
    expect(resolved?.shape).toBeDefined();
  });

  it.each(['server.prt', 'providers.ollama.base_ulr', 'server.port.x', 'models.fallbacks.0'])(
    'knows no %p, and takes no mistyped field for a name',
    (key) => expect(resolveKey(key)).toEqual({ path: key.split('.'), shape: undefined }),
  );
});
