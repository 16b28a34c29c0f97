// Makes the package that npm, pnpm, bun and install.sh install, from a built checkout:
//   node deploy/install/build-package.mjs [--out DIR] [--version V]
// DIR (dist/release) then holds package/ (the files), moltbot-V.tgz, install.sh and SHA256SUMS.
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { BOARD_UI_FOLDER, bundleCode, ENTRIES } from './bundle-code.mjs';
import { tarOf } from './tar-file.mjs';
import { thirdPartyNotices } from './third-party-notices.mjs';

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
export const release = readJson('deploy/install/release.json');

function readJson(path) {
  return JSON.parse(readFileSync(join(root, path), 'utf8'));
}

/** @returns the folder of the package, its tarball, and install.sh */
export async function buildPackage({
  out = join(root, 'dist/release'),
  version = readJson('apps/cli/package.json').version,
}) {
  for (const path of Object.values(ENTRIES)) {
    if (!existsSync(join(root, path))) throw new Error(`${path} is not built: npx -y pnpm@12 run build`);
  }
  const folder = join(out, 'package');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const libraries = await bundleCode({ folder: join(folder, 'lib') });
  const boardUi = boardUiFolder();
  cpSync(join(boardUi, 'dist'), join(folder, BOARD_UI_FOLDER, 'dist'), { recursive: true });
  libraries.push({ ...JSON.parse(readFileSync(join(boardUi, 'package.json'), 'utf8')), folder: boardUi });
  const files = {
    'package.json': `${JSON.stringify(manifest(version), null, 2)}\n`,
    'release.json': `${JSON.stringify(release, null, 2)}\n`,
    'install.sh': installerText(),
    'README.md': README,
    LICENSE: readFileSync(join(root, 'LICENSE')),
    'THIRD-PARTY-NOTICES.txt': thirdPartyNotices(libraries),
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const installer = join(out, 'install.sh');
  writeFileSync(installer, files['install.sh'], { mode: 0o755 });
  return { ...packPackage({ folder, out }), installer };
}

/** Packs a folder as it is: `SHA256SUMS` in it is written anew, and that of `out`. @returns folder, version, tarball */
export function packPackage({ folder, out }) {
  const { name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  rmSync(join(folder, 'SHA256SUMS'), { force: true });
  writeFileSync(join(folder, 'SHA256SUMS'), sumsOf(folder, [...filesOf(folder)]));
  mkdirSync(out, { recursive: true });
  const tarball = join(out, `${fileNameOf(name)}-${version}.tgz`);
  writeFileSync(tarball, gzipSync(tarOf([{ from: folder, to: 'package' }]), { level: 9 }));
  writeSums(out);
  return { folder, tarball, version };
}

/** A package's name as a file's. */
export function fileNameOf(name) {
  return name.replace(/^@/, '').replace('/', '-');
}

/** `SHA256SUMS` of what is to be uploaded. */
export function writeSums(out) {
  const names = readdirSync(out).filter((name) => /\.(tgz|tar|sh|json)$/.test(name));
  writeFileSync(join(out, 'SHA256SUMS'), sumsOf(out, names));
}

function sumsOf(folder, names) {
  const hash = (name) =>
    createHash('sha256')
      .update(readFileSync(join(folder, name)))
      .digest('hex');
  return names
    .sort()
    .map((name) => `${hash(name)}  ${name}\n`)
    .join('');
}

function* filesOf(folder, below = '') {
  for (const entry of readdirSync(join(folder, below), { withFileTypes: true })) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory()) yield* filesOf(folder, path);
    else yield path;
  }
}

function boardUiFolder() {
  const { resolve: find } = createRequire(join(root, 'apps/primary/package.json'));
  return dirname(find('@bull-board/ui/package.json'));
}

function manifest(version) {
  const natives = (path) => readJson(path).optionalDependencies;
  return {
    name: release.package,
    version,
    description: 'Self-hosted server for conversational AI that keeps answering',
    license: 'Apache-2.0',
    type: 'module',
    bin: { moltbot: 'lib/moltbot.js' },
    engines: { node: `>=${release.nodeAtLeast}` },
    files: ['lib', 'assets', 'release.json', 'install.sh', 'THIRD-PARTY-NOTICES.txt', 'SHA256SUMS'],
    optionalDependencies: {
      ...natives('packages/storage/package.json'),
      ...natives('packages/credentials/package.json'),
    },
    // Wanted by those who run GGUF files: with its builds for graphics cards it is larger than all the rest.
    peerDependencies: natives('packages/local-models/package.json'),
    peerDependenciesMeta: { 'node-llama-cpp': { optional: true } },
  };
}

const README = `# MoltBot

Self-hosted server for conversational AI that keeps answering: one place through which people and programs talk to many
language models.

    moltbot start
    moltbot chat "Hello"

\`moltbot --help\` lists the commands. This is an independent implementation.
`;

/** install.sh with the constants of release.json in it. */
function installerText() {
  const text = readFileSync(join(root, 'deploy/install/install.sh'), 'utf8');
  const values = {
    PACKAGE: release.package,
    HOST: release.host,
    REGISTRY: release.registry,
    NODE_REGISTRY: release.nodeRegistry,
    NODE_AT_LEAST: release.nodeAtLeast,
  };
  return text.replace(/^([A-Z_]+)='[^']*' # release\.json$/gm, (_line, name) => {
    if (values[name] === undefined) throw new Error(`install.sh: ${name} is not in release.json`);
    return `${name}='${values[name]}'`;
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { out: { type: 'string' }, version: { type: 'string' } } });
  const made = await buildPackage({
    ...(values.out && { out: resolve(values.out) }),
    ...(values.version && { version: values.version }),
  });
  console.log(made.tarball);
}
