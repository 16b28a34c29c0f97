// What the image's last stage holds, laid out under one folder: the release as it is, the libraries that Node is linked to, and the
// few files of the system that programs look for.
//   node collect.mjs RELEASE TO
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { ENTRIES } from '../install/bundle-code.mjs';

const [release, to] = process.argv.slice(2);
const product = join(to, 'opt', 'moltbot');

cpSync(release, product, { recursive: true });
for (const name of ['health.mjs', 'fill-compile-cache.mjs']) {
  cpSync(join(import.meta.dirname, name), join(product, 'image', name));
}
writeFileSync(join(product, 'image', 'entries.json'), JSON.stringify(Object.keys(ENTRIES).map((name) => `${name}.js`)));

// The command: its first line names Node itself, as there is no `env`.
const { bin } = JSON.parse(readFileSync(join(product, 'package.json'), 'utf8'));
const command = join(product, bin.moltbot);
writeFileSync(command, readFileSync(command, 'utf8').replace(/^#!.*\n/, '#!/usr/local/bin/node\n'));
chmodSync(command, 0o755);
mkdirSync(join(to, 'usr', 'local', 'bin'), { recursive: true });
cpSync(realpathSync(process.execPath), join(to, 'usr', 'local', 'bin', 'node'));
symlinkSync(join('/opt/moltbot', bin.moltbot), join(to, 'usr', 'local', 'bin', 'moltbot'));

// Where the loader looks for them, by the names that Node asks for.
const packages = new Set();
for (const [library] of execFileSync('ldd', [process.execPath], { encoding: 'utf8' }).matchAll(/\/\S+\.so\S*/g)) {
  const target = join(to, library);
  mkdirSync(dirname(target), { recursive: true });
  cpSync(realpathSync(library), target);
  packages.add(packageOf(library));
}

for (const file of ['/etc/os-release', '/etc/nsswitch.conf', '/etc/ssl/certs/ca-certificates.crt']) {
  if (!existsSync(file)) continue;
  mkdirSync(dirname(join(to, file)), { recursive: true });
  cpSync(realpathSync(file), join(to, file));
}
writeFileSync(
  join(to, 'etc', 'passwd'),
  'root:x:0:0:root:/:/nologin\nmoltbot:x:1000:1000:moltbot:/var/lib/moltbot:/nologin\n',
);
writeFileSync(join(to, 'etc', 'group'), 'root:x:0:\nmoltbot:x:1000:\n');

// What scanners of images read: the packages that the libraries are of.
const status = join(to, 'var', 'lib', 'dpkg', 'status.d');
mkdirSync(status, { recursive: true });
for (const name of packages) {
  if (name === undefined) continue;
  writeFileSync(join(status, basename(name)), execFileSync('dpkg-query', ['--status', name]));
}

/** The Debian package that a library is of, under the name it has now or had before /usr was merged. */
function packageOf(library) {
  for (const path of [library, realpathSync(library), library.replace(/^\/usr/, '')]) {
    const { stdout } = spawnSync('dpkg-query', ['--search', path], { encoding: 'utf8' });
    // `libc6:amd64: /usr/lib/…`; lines of diversions look otherwise.
    const found = /^([a-z0-9][a-z0-9+.-]*)(:[a-z0-9]+)?: \//m.exec(stdout);
    if (found !== null) return found[1];
  }
  return undefined;
}
