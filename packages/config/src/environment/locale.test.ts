import { describe, expect, it } from '@jest/globals';
import { readLocale } from './locale.js';

describe('readLocale', () => {
  it.each([
    [{}, 'en'],
    [{ LANG: 'zh_CN.UTF-8' }, 'zh'],
    [{ LANG: 'zh' }, 'zh'],
    [{ LANG: 'zh-TW' }, 'zh'],
    [{ LANG: 'C.UTF-8' }, 'en'],
    [{ LANG: 'zhx' }, 'en'],
    [{ LANG: 'zh_CN.UTF-8', LC_MESSAGES: 'de_DE' }, 'en'],
    [{ LANG: 'de_DE', LC_ALL: 'zh_CN' }, 'zh'],
    [{ LC_ALL: '', LANG: 'zh_CN' }, 'zh'],
    [{ MOLTBOT_LANG: 'en', LC_ALL: 'zh_CN' }, 'en'],
    [{ MOLTBOT_LANG: 'ZH', LANG: 'en_US' }, 'zh'],
  ] as const)('takes %j as %s', (env, locale) => expect(readLocale(env)).toBe(locale));
});
