import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { canEnter, serverUser } from './server-user.js';

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'moltbot-user-'));
  chmodSync(root, 0o755);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const passwords = (text: string): string => {
  const path = join(root, 'passwd');
  writeFileSync(path, text);
  return path;
};

describe('the user that the server runs as', () => {
  const dataDirectory = '/nowhere/at/all';

  it('is ourselves, unless we are root', () => {
    expect(serverUser({ dataDirectory, uid: 1000 })).toBeUndefined();
    expect(serverUser({ dataDirectory, uid: undefined })).toBeUndefined();
  });

  it('is nobody for root, as this system numbers it', () => {
    const linux = passwords('root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65533:nobody:/:/bin/false\n');
    expect(serverUser({ dataDirectory, uid: 0, passwordFile: linux })).toEqual({ uid: 65_534, gid: 65_533 });
    const mac = passwords('nobody:*:-2:-2:Unprivileged User:/var/empty:/usr/bin/false\n');
    expect(serverUser({ dataDirectory, uid: 0, passwordFile: mac })).toEqual({ uid: -2, gid: -2 });
  });

  it('can’t be found on a system without nobody', () => {
    for (const passwordFile of [passwords('root:x:0:0\n'), passwords('nobody:x\n'), join(root, 'missing')]) {
      expect(() => serverUser({ dataDirectory, uid: 0, passwordFile })).toThrow(
        expect.objectContaining({ code: 'storage_unavailable', message: expect.stringContaining('nobody') }),
      );
    }
  });

  it('has to own the data', () => {
    const mine = process.getuid?.() ?? 0;
    expect(() => serverUser({ dataDirectory: root, uid: mine + 1 })).toThrow(
      expect.objectContaining({ code: 'storage_unavailable', message: expect.stringContaining(`uid ${mine}`) }),
    );
  });
});

describe('a folder', () => {
  it('can be entered when it and all above it let the user through', () => {
    const stranger = { uid: 54_321, gid: 54_321 };
    mkdirSync(join(root, 'open/closed/inner'), { recursive: true });
    chmodSync(join(root, 'open'), 0o711);
    chmodSync(join(root, 'open/closed'), 0o700);
    expect(canEnter(join(root, 'open'), stranger)).toBe(true);
    expect(canEnter(join(root, 'open/not-made-yet'), stranger)).toBe(true);
    expect(canEnter(join(root, 'open/closed/inner'), stranger)).toBe(false);
    const owner = { uid: process.getuid?.() ?? 0, gid: 54_321 };
    expect(canEnter(join(root, 'open/closed/inner'), owner)).toBe(true);
  });
});
