import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { placeServer, serverDirectories, socketDirectory } from './server-directories.js';

const user = { uid: 65_534, gid: 65_534 };
let root: string;
beforeEach(() => {
  // Mode 0700: closed to the server's user.
  root = mkdtempSync(join(tmpdir(), 'moltbot-directories-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function base(name: string): string {
  const path = join(root, name);
  mkdirSync(path, { recursive: true, mode: 0o711 });
  return path;
}

describe('the server’s folder', () => {
  it('is the one that was asked for, where the server’s user can enter it', () => {
    expect(placeServer({ base: base('a'), user: undefined })).toMatchObject({ movedElsewhere: false });
    chmodSync(root, 0o755);
    const { directories } = placeServer({ base: base('a'), user });
    expect(directories).toEqual(serverDirectories(base('a')));
    expect(directories.data).toBe(join(root, 'a/data'));
  });

  it('is one beside a closed temporary folder, the same at every start', () => {
    const first = placeServer({ base: base('a'), user });
    expect(first.movedElsewhere).toBe(true);
    expect(dirname(first.directories.server)).toBe(tmpdir());
    expect(statSync(first.directories.server).mode & 0o777).toBe(0o711);
    expect(first.directories.lock).toBe(join(root, 'a/start.lock'));
    expect(placeServer({ base: base('a'), user })).toEqual({ ...first, movedElsewhere: false });
    rmSync(first.directories.server, { recursive: true });
  });

  it('stays where the data is, however the permissions are now', () => {
    mkdirSync(join(base('a'), 'data'));
    expect(placeServer({ base: base('a'), user }).directories.server).toBe(join(root, 'a'));
  });

  it('of a temporary base that is gone is taken away by the next, unless a server runs there', () => {
    const [gone, running] = ['gone', 'running'].map(
      (name) => placeServer({ base: base(name), user }).directories.server,
    );
    mkdirSync(join(running ?? '', 'data'));
    writeFileSync(join(running ?? '', 'data/postmaster.pid'), `${process.pid}\n`);
    for (const name of ['gone', 'running']) rmSync(join(root, name), { recursive: true });
    const next = placeServer({ base: base('next'), user }).directories.server;
    expect([gone, running, next].map((path) => existsSync(path ?? ''))).toEqual([false, true, true]);
    for (const path of [running, next]) rmSync(path ?? '', { recursive: true });
  });
});

describe('the socket’s folder', () => {
  it('is beside the data and private', () => {
    const socket = socketDirectory({ directories: serverDirectories(base('a')), user: undefined });
    expect(socket).toBe(join(root, 'a/socket'));
    expect(statSync(socket).mode & 0o777).toBe(0o700);
  });

  it('is a short one where that path is too long, noted for the next start', () => {
    const directories = serverDirectories(base('a'.repeat(100)));
    const temporaryDirectory = base('b'.repeat(100));
    const socket = socketDirectory({ directories, user: undefined, temporaryDirectory });
    // The temporary folder is too deep as well.
    expect(dirname(socket)).toBe('/tmp');
    expect(socketDirectory({ directories, user: undefined })).toBe(socket);
    // Somebody opened it to others, or it was cleaned away: never used again.
    chmodSync(socket, 0o755);
    const other = socketDirectory({ directories, user: undefined });
    expect(other).not.toBe(socket);
    rmSync(other, { recursive: true });
    const third = socketDirectory({ directories, user: undefined });
    expect(existsSync(third)).toBe(true);
    for (const path of [socket, third]) rmSync(path, { recursive: true });
  });
});
