import { afterAll, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { createLogger } from '../src/index.js';

const folder = mkdtempSync(join(tmpdir(), 'moltbot-disk-'));

/** A disk of 256 KB; why there is none, where this user may not have one. */
function mountSmallDisk(): string | undefined {
  try {
    execFileSync('/bin/mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', folder], { stdio: 'pipe' });
    return undefined;
  } catch (error) {
    return String(error);
  }
}

const refused = mountSmallDisk();

afterAll(() => {
  if (refused === undefined) execFileSync('/bin/umount', ['-l', folder]);
  rmSync(folder, { recursive: true, force: true });
});

if (refused === undefined) {
  it('counts what a full disk refuses, says so, and goes on with whole lines when there is room again', async () => {
    const filler = join(folder, 'filler');
    writeFileSync(filler, Buffer.alloc(200 * 1024));
    const drops: number[] = [];
    const file = join(folder, 'moltbot.log');
    rmSync(file, { force: true });
    const logger = createLogger({
      role: 'test',
      console: 'none',
      file,
      onDrop: (count) => drops.push(count),
    });
    for (let index = 0; drops.length === 0; index += 1) {
      logger.info(`before ${index}`, { padding: 'x'.repeat(1_000) });
      await wait(1);
    }
    rmSync(filler);
    // It is tried again a second after it failed.
    await wait(1_200);
    logger.info('after');
    const written = (): string => readFileSync(file, 'utf8');
    for (let tries = 0; tries < 1_000 && !written().includes('log lines were dropped'); tries += 1) await wait(10);
    await logger.close();
    const lines = written().trimEnd().split('\n');
    const whole = lines.filter((line) => line.startsWith('{') && line.endsWith('}'));
    // The one that the disk had room for in part is the only one that is torn.
    expect(lines.length - whole.length).toBeLessThanOrEqual(1);
    const records = whole.map((line) => JSON.parse(line) as { message: string; count?: number });
    const dropped = drops.reduce((sum, count) => sum + count, 0);
    expect(records.slice(-2)).toEqual([
      expect.objectContaining({ message: 'after' }),
      expect.objectContaining({ message: 'log lines were dropped', sink: 'file', count: dropped }),
    ]);
  });
} else {
  it('needs a small disk of its own, which this user may not mount', () => {
    console.log(`no disk to fill: what is logged on a full one was tested with /dev/full only (${refused})`);
    expect(process.env['MOLTBOT_REQUIRE_TMPFS']).not.toBe('1');
  });
}
