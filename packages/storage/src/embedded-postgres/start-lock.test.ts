import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { processIdentity, processNamespace } from './process-identity.js';
import { acquireStartLock } from './start-lock.js';

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'moltbot-lock-'));
  path = join(directory, 'start.lock');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** The number of a process that has ended. */
async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
  await once(child, 'exit');
  return child.pid ?? 0;
}

describe('the start lock', () => {
  it('is held by one at a time', async () => {
    let holders = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 10 }, async () => {
        const lock = await acquireStartLock({ path, timeoutMs: 5_000 });
        holders += 1;
        most = Math.max(most, holders);
        await new Promise(setImmediate);
        holders -= 1;
        lock.release();
      }),
    );
    expect(most).toBe(1);
    expect(readdirSync(directory)).toEqual([]);
  });

  it('is waited for, but not for ever', async () => {
    const lock = await acquireStartLock({ path, timeoutMs: 100 });
    await expect(acquireStartLock({ path, timeoutMs: 60 })).rejects.toMatchObject({
      code: 'storage_unavailable',
      message: expect.stringContaining(`pid ${process.pid}`),
    });
    lock.release();
    (await acquireStartLock({ path, timeoutMs: 0 })).release();
  });

  it('is left to a holder in another container for as long as that one gives signs of life', async () => {
    writeFileSync(path, JSON.stringify({ pid: await deadPid(), namespace: 'pid:[1]', token: 'x' }));
    await expect(acquireStartLock({ path, timeoutMs: 60 })).rejects.toMatchObject({ code: 'storage_unavailable' });
    for (const seconds of [-11, 11]) {
      writeFileSync(path, JSON.stringify({ pid: process.pid, namespace: 'pid:[1]', token: 'x' }));
      const time = new Date(Date.now() + seconds * 1_000);
      utimesSync(path, time, time);
      (await acquireStartLock({ path, timeoutMs: 0 })).release();
    }
  });

  it('gives signs of life while it is held, and names its container', async () => {
    const lock = await acquireStartLock({ path, timeoutMs: 0 });
    const long = new Date(Date.now() - 60_000);
    utimesSync(path, long, long);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ namespace: processNamespace() });
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    expect(Date.now() - statSync(path).mtimeMs).toBeLessThan(5_000);
    lock.release();
    expect(existsSync(path)).toBe(false);
  });

  it('is waited for as long as said, whatever the clock of the machine is set to', async () => {
    const lock = await acquireStartLock({ path, timeoutMs: 0 });
    let set = Date.now();
    const clock = jest.spyOn(Date, 'now').mockImplementation(() => (set += 3_600_000));
    try {
      setTimeout(() => lock.release(), 100);
      (await acquireStartLock({ path, timeoutMs: 5_000 })).release();
    } finally {
      clock.mockRestore();
    }
  });

  it('is taken from a dead holder, by one of many', async () => {
    writeFileSync(path, JSON.stringify({ pid: await deadPid(), token: 'x' }));
    const order: string[] = [];
    await Promise.all(
      Array.from({ length: 10 }, async () => {
        const lock = await acquireStartLock({ path, timeoutMs: 5_000 });
        order.push('in');
        await new Promise(setImmediate);
        order.push('out');
        lock.release();
      }),
    );
    expect(order.join(' ')).toBe(Array.from({ length: 10 }, () => 'in out').join(' '));
    expect(readdirSync(directory)).toEqual([]);
  });

  it('is taken when its number belongs to a process that began later', async () => {
    const { pid, startTime } = processIdentity(process.pid);
    if (startTime === undefined) return;
    writeFileSync(path, JSON.stringify({ pid, startTime: '1', token: 'x' }));
    (await acquireStartLock({ path, timeoutMs: 0 })).release();
    expect(existsSync(path)).toBe(false);
  });

  it('is taken when its holder died before it wrote its name, but only after a while', async () => {
    writeFileSync(path, '');
    await expect(acquireStartLock({ path, timeoutMs: 0 })).rejects.toMatchObject({ code: 'storage_unavailable' });
    utimesSync(path, new Date(), new Date(Date.now() - 10_000));
    (await acquireStartLock({ path, timeoutMs: 0 })).release();
  });

  it('is not given up by one who has lost it', async () => {
    const lost = await acquireStartLock({ path, timeoutMs: 0 });
    rmSync(path);
    const held = await acquireStartLock({ path, timeoutMs: 0 });
    lost.release();
    expect(existsSync(path)).toBe(true);
    held.release();
  });
});
