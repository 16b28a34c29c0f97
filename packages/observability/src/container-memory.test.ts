import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { readContainerMemory } from './container-memory.js';

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'moltbot-cgroup-'));
});

afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

function write(files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
}

const read = async () => readContainerMemory({ root, totalBytes: 16_000, residentBytes: () => 123 });

describe('the memory of a container', () => {
  it('is its limit and what is used of it, without pages that can be given back', async () => {
    write({
      'proc/self/cgroup': '0::/\n',
      'sys/fs/cgroup/memory.max': '4000\n',
      'sys/fs/cgroup/memory.current': '3000\n',
      'sys/fs/cgroup/memory.stat': 'anon 1500\ninactive_file 1200\nactive_file 300\n',
    });
    expect(await read()).toEqual({ limitBytes: 4_000, usedBytes: 1_800 });
  });

  it('is that of the tightest group around the process', async () => {
    write({
      'proc/self/cgroup': '0::/outer/inner\n',
      'sys/fs/cgroup/outer/inner/memory.max': 'max\n',
      'sys/fs/cgroup/outer/inner/memory.current': '10\n',
      'sys/fs/cgroup/outer/memory.max': '2000\n',
      'sys/fs/cgroup/outer/memory.current': '500\n',
    });
    expect(await read()).toEqual({ limitBytes: 2_000, usedBytes: 500 });
  });

  it('is read from the first version of control groups too', async () => {
    write({
      'proc/self/cgroup': '9:name=systemd:/\n4:cpu,memory:/docker/abc\n0::/\n',
      'sys/fs/cgroup/memory/memory.limit_in_bytes': '2000\n',
      'sys/fs/cgroup/memory/memory.usage_in_bytes': '700\n',
      'sys/fs/cgroup/memory/memory.stat': 'inactive_file 1\ntotal_inactive_file 200\n',
    });
    expect(await read()).toEqual({ limitBytes: 2_000, usedBytes: 500 });
  });

  it('is the machine’s and the process’s own where nothing is limited', async () => {
    expect(await read()).toEqual({ limitBytes: 16_000, usedBytes: 123 });
    write({
      'proc/self/cgroup': '0::/../..\n',
      'sys/fs/cgroup/memory.max': '9223372036854771712\n',
      'sys/fs/cgroup/memory.current': 'nonsense\n',
    });
    expect(await read()).toEqual({ limitBytes: 16_000, usedBytes: 123 });
  });
});
