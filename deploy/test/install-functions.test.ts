import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SCRIPT } from './install-rig.js';
import { type Ran, runProgram } from './run-program.js';

const folder = mkdtempSync(join(tmpdir(), 'moltbot functions '));
const home = join(folder, 'home');
const script = readFileSync(SCRIPT, 'utf8');

/** Its functions, and nothing that it does by itself. */
const functions = `${script.slice(0, script.indexOf('\n# The last line:'))}\nprefix='${home}/.moltbot' app=$prefix/app work='${folder}' yes=true\n`;

const wgetIsHere = (): boolean => {
  const here = existsSync('/usr/bin/wget');
  if (!here) process.stdout.write('NOT CHECKED: wget is not on this machine\n');
  expect(here || process.env['MOLTBOT_REQUIRE_SHELLS'] !== '1').toBe(true);
  return here;
};

const inShell = async (commands: string, env: Readonly<Record<string, string>> = {}): Promise<Ran> =>
  runProgram('sh', ['-c', functions + commands], {
    cwd: folder,
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: home, SHELL: '/bin/bash', LANG: 'C.UTF-8', ...env },
  });

beforeAll(() => {
  mkdirSync(join(home, '.moltbot/app'), { recursive: true });
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe('a start file of a shell', () => {
  const file = join(home, '.bashrc');
  const theirs = `${'# theirs, line after line\n'.repeat(200)}last, without an end`;
  const block = /\n# >>> moltbot >>>\n[^]*\n# <<< moltbot <<<\n$/;

  it('is replaced whole, behind a link too, and keeps its mode', async () => {
    const real = join(folder, 'dotfiles/bashrc');
    mkdirSync(join(folder, 'dotfiles'));
    writeFileSync(real, theirs, { mode: 0o640 });
    chmodSync(real, 0o640);
    symlinkSync('../dotfiles/bashrc', file);
    const before = statSync(real).ino;
    expect((await inShell('put_path')).stderr).toBe('');
    const text = readFileSync(real, 'utf8');
    expect(text).toMatch(block);
    expect(text.startsWith(`${theirs}\n`)).toBe(true);
    expect(statSync(real).ino).not.toBe(before);
    expect(statSync(real).mode & 0o777).toBe(0o640);
    expect(lstatSync(file).isSymbolicLink()).toBe(true);
    await inShell('put_path');
    expect(readFileSync(real, 'utf8')).toBe(text);
    await inShell(`take_path_from '${file}'`);
    expect(readFileSync(real, 'utf8')).toBe(`${theirs}\n`);
    expect(readdirSync(join(folder, 'dotfiles'))).toEqual(['bashrc']);
  });

  it('stays as it was where the disk has no room for the new one, putting in and taking out', async () => {
    rmSync(file, { force: true });
    writeFileSync(file, theirs);
    const full = "trap '' XFSZ; ulimit -f 1; ";
    expect((await inShell(`${full}put_path`)).stderr).toMatch(/can't be changed: add .* to PATH yourself/);
    expect(readFileSync(file, 'utf8')).toBe(theirs);
    await inShell('put_path');
    const withBlock = readFileSync(file, 'utf8');
    expect(withBlock).toMatch(block);
    expect((await inShell(`${full}take_path_from '${file}'`)).stderr).toMatch(/take the lines of moltbot out yourself/);
    expect(readFileSync(file, 'utf8')).toBe(withBlock);
    expect(readdirSync(home).sort()).toEqual(['.bashrc', '.moltbot']);
  });

  it('is left alone where somebody took the end of our lines away', async () => {
    const half = `# >>> moltbot >>>\nexport MINE=1\n`;
    writeFileSync(file, half);
    expect((await inShell(`take_path_from '${file}'; put_path`)).stderr).toMatch(/yourself/);
    expect(readFileSync(file, 'utf8')).toBe(half);
  });
});

describe('a damaged version', () => {
  const versions = join(home, '.moltbot/app/versions');
  const repair = 'staging=$app/.staging version=1.0.0; mkdir -p "$staging/tree"; echo whole >"$staging/tree/file"; ';
  const file = join(versions, '1.0.0/file');

  it.each([
    ['is there until the whole one is in its place', 'put_tree', 'whole\n'],
    ['comes back where that can not be put there', 'rm -r "$staging/tree"; put_tree', 'damaged\n'],
    [
      'comes back after a kill between the two moves',
      'mv "$app/versions/1.0.0" "$app/versions/.damaged-1.0.0"; put_back_damaged',
      'damaged\n',
    ],
    [
      'goes after a kill when the whole one was there already',
      'mv "$app/versions/1.0.0" "$app/versions/.damaged-1.0.0"; mv "$staging/tree" "$app/versions/1.0.0"; put_back_damaged',
      'whole\n',
    ],
  ])('%s', async (_what, commands, left) => {
    rmSync(versions, { recursive: true, force: true });
    mkdirSync(join(versions, '1.0.0'), { recursive: true });
    writeFileSync(file, 'damaged\n');
    await inShell(repair + commands);
    expect(readFileSync(file, 'utf8')).toBe(left);
    expect(readdirSync(versions)).toEqual(['1.0.0']);
    rmSync(join(home, '.moltbot/app/.staging'), { recursive: true, force: true });
  });
});

describe('a list of checksums beside a bundle', () => {
  it('that does not name it checks nothing: the bundle is refused', async () => {
    const bundle = join(folder, 'moltbot-1.0.0.tar');
    writeFileSync(bundle, 'bytes');
    writeFileSync(join(folder, 'SHA256SUMS'), `${'0'.repeat(64)}  other.tar\n`);
    const ran = await inShell(`check_file_beside '${bundle}'; echo passed`);
    expect(ran.stdout).toBe('');
    expect(ran.stderr).toMatch(/does not list moltbot-1\.0\.0\.tar/);
    rmSync(join(folder, 'SHA256SUMS'));
    expect((await inShell(`check_file_beside '${bundle}'; echo passed`)).stdout).toBe('passed\n');
  });
});

describe('a download with wget', () => {
  let server: Server;
  let origin = '';
  const asked: string[] = [];
  /** Only what wget needs: no curl. */
  const bin = join(folder, 'only wget');
  const REDIRECTS: Readonly<Record<string, string>> = {
    '/plain': 'http://192.0.2.1/file',
    '/other-scheme': 'ftp://192.0.2.1/file',
    '/round': '/round',
    '/near': '/file',
  };

  beforeAll(async () => {
    mkdirSync(bin);
    for (const name of ['sh', 'wget', 'sed', 'tr', 'tail', 'grep']) {
      const place = [`/usr/bin/${name}`, `/bin/${name}`].find((path) => existsSync(path));
      if (place !== undefined) symlinkSync(place, join(bin, name));
    }
    server = createServer((request, response) => {
      asked.push(request.url ?? '');
      const to = REDIRECTS[request.url ?? ''];
      if (to === undefined) response.end('the file');
      else response.writeHead(302, { location: to }).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    await new Promise((resolve) => server.close(resolve));
  });

  const fetchIt = async (path: string) => inShell(`fetch '${origin}${path}' got; cat got`, { PATH: `${bin}:` });

  it.each([
    ['/plain', /not https/],
    ['/other-scheme', /not https/],
    ['/round', /redirected 6 times/],
  ])('does not follow %s', async (path, words) => {
    if (!wgetIsHere()) return;
    const ran = await fetchIt(path);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(words);
  });

  it('follows a redirection on its own host', async () => {
    if (!wgetIsHere()) return;
    asked.length = 0;
    await fetchIt('/near');
    expect(asked).toEqual(['/near', '/file']);
    expect(readFileSync(join(folder, 'got'), 'utf8')).toBe('the file');
  });

  it('does not leave https for http, whoever stands there', async () => {
    writeFileSync(
      join(folder, 'wget'),
      `#!/bin/sh\ncase $1 in --help) echo --max-redirect ;; *) echo "$*" >>"${folder}/calls"; echo '  Location: ${origin}/file' >&2; exit 8 ;; esac\n`,
      { mode: 0o755 },
    );
    rmSync(join(bin, 'wget'), { force: true });
    symlinkSync(join(folder, 'wget'), join(bin, 'wget'));
    const ran = await inShell('fetch https://registry.test/x got', { PATH: bin });
    expect(ran.stderr).toMatch(/not https/);
    expect(readFileSync(join(folder, 'calls'), 'utf8').trim().split('\n')).toHaveLength(1);
  });
});
