import { describe, expect, it } from '@jest/globals';
import { isModelPermission, permitsModel } from './model-permission.js';

describe('a caller’s list of models', () => {
  it.each(['default', 'cheap', 'gpt-4-turbo', 'openai:gpt-4', 'openai:*', 'ollama:llama3:8b', '笔记'])(
    'takes %j',
    (text) => expect(isModelPermission(text)).toBe(true),
  );

  it.each(['', '*', 'openai:gpt-*', '*:gpt-4', ':*', 'open ai:*', ' openai:*', 'a\0b', 'x\n', 'x'.repeat(322), '9:*'])(
    'does not take %j',
    (text) => expect(isModelPermission(text)).toBe(false),
  );

  it('permits the very names that it has, and all of a provider', () => {
    const list = ['cheap', 'openai:gpt-4', 'ollama:*'];
    for (const name of ['cheap', 'openai:gpt-4', 'ollama:llama3:8b', 'ollama:x']) {
      expect([name, permitsModel(list, name)]).toEqual([name, true]);
    }
    for (const name of [
      'Cheap',
      'cheap ',
      'gpt-4',
      'OPENAI:gpt-4',
      'openai:GPT-4',
      'openai:gpt-4-turbo',
      'openai:gpt-4:x',
      'Ollama:x',
      'ollama',
      ':x',
      '',
      'default',
      'constructor',
    ]) {
      expect([name, permitsModel(list, name)]).toEqual([name, false]);
    }
    expect(permitsModel([], 'default')).toBe(false);
  });
});
