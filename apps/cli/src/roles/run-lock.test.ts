import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { readRunning, takeRunLock } from './run-lock.js';

let folder: string;
const file = () => join(folder, 'moltbot.json');

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'moltbot-lock-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function take() {
  const lock = takeRunLock(folder);
  if (!lock.taken) throw new Error('taken by another');
  return lock;
}

describe('the lock of a home', () => {
  it('tells others who runs and where, and is gone when it is released', () => {
    const lock = take();
    lock.update({ url: 'http://127.0.0.1:1' });
    lock.update({ metricsUrl: 'http://127.0.0.1:2' });
    expect(readRunning(folder)).toMatchObject({
      pid: process.pid,
      url: 'http://127.0.0.1:1',
      metricsUrl: 'http://127.0.0.1:2',
    });
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    lock.release();
    expect(readRunning(folder)).toBeUndefined();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('is not given twice while its holder lives', () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    try {
      const held = { pid: child.pid, startedAt: '2026-11-22T00:00:00Z', url: 'http://127.0.0.1:3' };
      writeFileSync(file(), JSON.stringify(held));
      expect(takeRunLock(folder)).toEqual({ taken: false, by: held });
    } finally {
      child.kill('SIGKILL');
    }
  });

  it('is taken from a dead holder, from a later process with its number, and from a damaged file', () => {
    const dead = spawnSync(process.execPath, ['-e', '']).pid;
    for (const left of [
      JSON.stringify({ pid: dead, startedAt: '' }),
      JSON.stringify({ pid: process.ppid, startTime: '1', startedAt: '' }),
      '{"pid": 12',
      '',
      '{"pid": "1"}',
    ]) {
      writeFileSync(file(), left);
      expect(readRunning(folder)).toBeUndefined();
      take().release();
    }
  });

  it('leaves a file alone that another process has put in its place', () => {
    const lock = take();
    const other = JSON.stringify({ pid: process.ppid, startedAt: '' });
    writeFileSync(file(), other);
    lock.release();
    expect(readFileSync(file(), 'utf8')).toBe(other);
  });
});
