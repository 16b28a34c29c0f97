import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { commandLineOf, isRunning, processIdentity } from './process-identity.js';

describe('a process', () => {
  it('is told apart from a later one with its number', () => {
    const self = processIdentity(process.pid);
    expect(isRunning(self)).toBe(true);
    if (self.startTime !== undefined) expect(isRunning({ ...self, startTime: '1' })).toBe(false);
  });

  it('does not run after its end', async () => {
    const child = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
    const identity = processIdentity(child.pid ?? 0);
    await once(child, 'exit');
    expect(isRunning(identity)).toBe(false);
  });

  it.each([0, -1, 1.5, Number.NaN])('can’t have the number %s', (pid) => {
    expect(isRunning({ pid })).toBe(false);
  });

  // From /proc.
  if (process.platform === 'linux') {
    it('that nobody has waited for does not run', async () => {
      // The shell becomes a sleep, which never waits for the child that the shell has started.
      const parent = spawn('sh', ['-c', 'sleep 0.3 & echo $!; exec sleep 20'], { stdio: ['ignore', 'pipe', 'ignore'] });
      try {
        const [text] = (await once(parent.stdout, 'data')) as [Buffer];
        const pid = Number(text.toString());
        for (const deadline = Date.now() + 5_000; isRunning({ pid }) && Date.now() < deadline; ) {
          await new Promise((resolve) => {
            setTimeout(resolve, 5);
          });
        }
        expect(process.kill(pid, 0)).toBe(true);
        expect(isRunning({ pid })).toBe(false);
      } finally {
        parent.kill('SIGKILL');
      }
    });

    it('shows its command line', () => {
      expect(commandLineOf(process.pid)).toContain('jest');
      expect(commandLineOf(2 ** 30)).toBeUndefined();
    });
  }
});
