import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { homeTag, moltbotPaths } from './paths.js';

describe('moltbotPaths', () => {
  it('keeps everything under .moltbot of the home directory', () => {
    expect(moltbotPaths({ env: {}, homeDirectory: '/home/ann' })).toEqual({
      home: '/home/ann/.moltbot',
      configFile: '/home/ann/.moltbot/config.yml',
      authFile: '/home/ann/.moltbot/auth.json',
      dataDirectory: '/home/ann/.moltbot/data',
      logsDirectory: '/home/ann/.moltbot/logs',
      runDirectory: '/home/ann/.moltbot/run',
      cacheDirectory: '/home/ann/.moltbot/cache',
    });
  });

  it('moves everything where MOLTBOT_HOME says', () => {
    const paths = moltbotPaths({ env: { MOLTBOT_HOME: '/srv/moltbot/' }, homeDirectory: '/home/ann' });
    expect(paths.home).toBe('/srv/moltbot');
    expect(paths.authFile).toBe('/srv/moltbot/auth.json');
  });

  it('takes ~ in MOLTBOT_HOME as the home directory, and an empty one as not set', () => {
    const homeOf = (MOLTBOT_HOME: string) => moltbotPaths({ env: { MOLTBOT_HOME }, homeDirectory: '/home/ann' }).home;
    expect(homeOf('~/bot')).toBe('/home/ann/bot');
    expect(homeOf('~')).toBe('/home/ann');
    expect(homeOf('~bob')).toBe(`${process.cwd()}/~bob`);
    expect(homeOf(' ')).toBe('/home/ann/.moltbot');
  });

  it('makes no folder', () => {
    const { home } = moltbotPaths({ env: { MOLTBOT_HOME: '/tmp/moltbot-never-made' }, homeDirectory: '/' });
    expect(existsSync(home)).toBe(false);
  });
});

describe('the tag of a home', () => {
  it('is the same before the home is there and after, also where a link leads to it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'moltbot-home-'));
    try {
      await mkdir(join(folder, 'real'));
      await symlink(join(folder, 'real'), join(folder, 'link'));
      const tag = (...home: string[]): string =>
        homeTag(moltbotPaths({ env: { MOLTBOT_HOME: join(folder, ...home) }, homeDirectory: folder }));
      const before = tag('link', 'new', 'home');
      await mkdir(join(folder, 'real', 'new', 'home'), { recursive: true });
      expect(tag('link', 'new', 'home')).toBe(before);
      expect(tag('real', 'new', 'home')).toBe(before);
      expect(tag('real', 'new')).not.toBe(before);
      expect(before).toMatch(/^[0-9a-f]{12}$/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
