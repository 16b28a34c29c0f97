import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { browserOpeners, openBrowser } from './open-browser.js';

describe('opening a browser', () => {
  const url = 'https://provider.example/authorize?a=1&b=$(touch x);`y`"\'';

  it('gives the address as one argument, whatever is in it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'moltbot-browser-'));
    const file = join(folder, 'arguments');
    try {
      const script = 'require("node:fs").writeFileSync(process.argv[1], JSON.stringify(process.argv.slice(2)))';
      const openers = [[process.execPath, '-e', script, file, url]] as const;
      expect(await openBrowser({ url, env: {}, openers })).toBe(true);
      expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual([url]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('tries the next program where one is missing or fails, and says where none took it', async () => {
    const fails = [process.execPath, '-e', 'process.exit(3)'] as const;
    const works = [process.execPath, '-e', ''] as const;
    const open = (...openers: (readonly [string, ...string[]])[]) => openBrowser({ url, env: {}, openers });
    expect(await open(['/nowhere/browser'], fails, works)).toBe(true);
    expect(await open(['/nowhere/browser'], fails)).toBe(false);
    expect(await open()).toBe(false);
  });

  it('opens web addresses only', async () => {
    const openers = [[process.execPath, '-e', '']] as const;
    for (const other of ['file:///etc/passwd', 'javascript:alert(1)', '--help', '']) {
      expect(await openBrowser({ url: other, env: {}, openers })).toBe(false);
    }
  });

  it('knows each system’s own program', () => {
    const programs = (platform: NodeJS.Platform, env = {}) =>
      browserOpeners({ url, platform, env }).map(([program]) => program);
    expect(programs('darwin')).toEqual(['open']);
    expect(programs('win32')).toEqual(['rundll32.exe']);
    expect(programs('linux', { DISPLAY: ':0' })).toEqual(['xdg-open']);
    expect(programs('linux')).toEqual([]);
    expect(programs('linux', { WSL_DISTRO_NAME: 'Debian' })[0]).toBe('wslview');
  });
});
