import { describe, expect, it } from '@jest/globals';
import { isSecretKey, looksSecret, showFound, showName, withoutUserInfo } from './secret-like.js';

describe('what may be shown', () => {
  it.each([
    'openai.key',
    'x.api_key',
    'x.client_secret',
    'x.access_token',
    'x.password',
    'providers.a.headers.x-team',
    'providers.a.query.sig',
  ])('never a value at %s', (key) => {
    expect(isSecretKey(key.split('.'))).toBe(true);
    expect(showFound(key.split('.'), 'abc')).toBe('');
  });

  it.each([
    'server.port',
    'providers.a.models.m.max_output_tokens'.replace('tokens', 'limit'),
    'providers.a.query.api-version',
  ])('a value at %s', (key) => expect(showFound(key.split('.'), 'abc')).toBe('; found "abc"'));

  it.each([
    'sk-proj-abc',
    'sk-ant-api03-xyz',
    'AIzaSyA1',
    'ghp_abc',
    'xoxb-1-2',
    'Bearer abc',
    'eyJhbGciOi',
    'A1b2C3d4E5f6G7h8I9j0K1',
    '123e4567-e89b-12d3-a456-426614174000',
    'postgres://ann:pw@host/db',
    'https://host/x?api_key=abc',
  ])('not a text like %s, wherever it stands', (text) => {
    expect(looksSecret(text)).toBe(true);
    expect(showFound(['server', 'host'], text)).toBe('');
    expect(showName(text)).toMatch(/^\(a name of \d+ characters\)$/);
  });

  it.each([
    'anthropic:claude-3-5-sonnet-20241022',
    'openai:gpt-4-turbo',
    'ollama:llama3:8b',
    'http://127.0.0.1:11434/v1',
    'max_output_tokens',
    'models.retry_policy.max_attempts',
  ])('the name %s', (text) => expect(looksSecret(text)).toBe(false));

  it('kinds instead of lists and mappings, and nothing of long texts', () => {
    expect(showFound(['a'], ['x'])).toBe('; found a list');
    expect(showFound(['a'], { x: 1 })).toBe('; found a mapping');
    expect(showFound(['a'], null)).toBe('; found nothing');
    expect(showFound(['a'], 'x y '.repeat(30))).toBe('');
  });

  it('a URL without its user and password', () => {
    expect(withoutUserInfo('postgres://ann:p@ss@host/db')).toBe('postgres://***@host/db');
    expect(withoutUserInfo('postgres://host/db')).toBe('postgres://host/db');
    expect(withoutUserInfo('redis+sentinel://:pw@a:1,b/main?sentinel_username=u&sentinel_password=p%26q#x')).toBe(
      'redis+sentinel://***@a:1,b/main?sentinel_username=u&sentinel_password=***#x',
    );
  });
});
