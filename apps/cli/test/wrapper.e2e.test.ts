import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { ROOT } from './moltbot.js';

it('runs by its script also through links from elsewhere, absolute and relative', () => {
  const folder = mkdtempSync(join(tmpdir(), 'moltbot-link-'));
  try {
    mkdirSync(join(folder, 'a folder'));
    symlinkSync(join(ROOT, 'moltbot'), join(folder, 'a folder', 'first'));
    symlinkSync('a folder/first', join(folder, 'second'));
    for (const script of [join(ROOT, 'moltbot'), join(folder, 'a folder', 'first'), join(folder, 'second')]) {
      expect(execFileSync(script, ['--version'], { cwd: folder, encoding: 'utf8' })).toMatch(/^\d+\.\d+\.\d+\n$/);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
