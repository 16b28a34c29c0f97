// Checks the import directions of the house (docs/architecture.md): only to a lower floor, never sideways, types included;
// packages only through their `exports`; frameworks only where they belong. Exits 1 with a line for each import that breaks a rule.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseSync } from 'oxc-parser';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');

const FOR_APPS = [
  'contracts',
  'observability',
  'state',
  'redis',
  'network',
  'config',
  'auth',
  'queue',
  'providers',
  'storage',
  'credentials',
  'drill',
  'local-models',
];

/** Workspace folder → what it may import. `types` marks packages that may only be imported with `import type`. */
export const RULES = {
  'packages/contracts': { values: [], types: [] },
  'packages/observability': { values: [], types: [] },
  // Below the others of its floor: clients for the forms of address that state, queue and token stores share.
  'packages/redis': { values: [], types: [] },
  'packages/state': { values: ['redis'], types: [] },
  'packages/network': { values: [], types: [] },
  'packages/log-analysis': { values: [], types: [] },
  'packages/config': { values: ['contracts', 'redis'], types: [] },
  'packages/auth': { values: ['contracts', 'state'], types: ['config'] },
  'packages/queue': { values: ['contracts', 'redis'], types: ['config'] },
  'packages/providers': { values: ['contracts', 'network'], types: ['config', 'auth', 'state'] },
  'packages/storage': { values: ['contracts'], types: ['config', 'auth'] },
  'packages/local-models': { values: ['contracts', 'config'], types: [] },
  'packages/credentials': { values: ['contracts', 'network', 'redis', 'config', 'auth', 'storage'], types: [] },
  'packages/drill': { values: ['contracts', 'state', 'config', 'auth', 'providers'], types: [] },
  'apps/primary': { values: FOR_APPS, types: [] },
  'apps/worker': { values: [...FOR_APPS, 'log-analysis'], types: [] },
  // Roles are started as processes: it runs no model itself.
  'apps/cli': { values: [...FOR_APPS.filter((name) => name !== 'local-models'), 'log-analysis'], types: [] },
};

/** Libraries that belong to some folders only. */
export const LIBRARIES = [
  { pattern: /^@nestjs\//, folders: ['apps/primary'] },
  { pattern: /^fastify$/, folders: ['apps/primary'] },
  { pattern: /^bullmq$/, folders: ['packages/queue'] },
  { pattern: /^ioredis$/, folders: ['packages/redis', 'packages/queue', 'packages/state', 'packages/credentials'] },
  { pattern: /^undici$/, folders: ['packages/network', 'packages/providers', 'apps/cli'] },
  { pattern: /^(jose|openid-client|oauth4webapi)$/, folders: ['packages/auth'] },
  { pattern: /^(kysely|pg)$/, folders: ['packages/storage', 'packages/queue'] },
  { pattern: /^node-llama-cpp$/, folders: ['packages/local-models'] },
  { pattern: /^(winston|prom-client)$/, folders: ['packages/observability'] },
  { pattern: /^(commander|@clack\/prompts)$/, folders: ['apps/cli'] },
];

const isTest = (path) => /\.test\.ts$|\/test\/|\/testing\/|\/testing\.ts$|\/__fixtures__\//.test(path);

function* sources(folder) {
  for (const name of readdirSync(folder)) {
    if (name === 'node_modules' || name === 'dist') continue;
    const path = join(folder, name);
    if (statSync(path).isDirectory()) yield* sources(path);
    else if (path.endsWith('.ts')) yield path;
  }
}

/** Every module a file names: static imports, re-exports and literal dynamic imports. */
export function importsOf(path, text) {
  const { module, errors } = parseSync(path, text);
  if (errors.length > 0) throw new Error(`${path}: ${errors[0].message}`);
  const found = [];
  for (const item of module.staticImports) {
    const typeOnly = item.entries.length > 0 && item.entries.every((entry) => entry.isType);
    found.push({ specifier: item.moduleRequest.value, typeOnly });
  }
  for (const item of module.staticExports) {
    for (const entry of item.entries) {
      if (entry.moduleRequest) found.push({ specifier: entry.moduleRequest.value, typeOnly: entry.isType });
    }
  }
  for (const item of module.dynamicImports) {
    const literal = /^['"`]([^'"`]+)['"`]$/.exec(text.slice(item.moduleRequest.start, item.moduleRequest.end));
    if (literal) found.push({ specifier: literal[1], typeOnly: false });
  }
  return found;
}

/** @returns one line for each broken rule. */
export function problemsOf({ folder, path, imports, test }) {
  const problems = [];
  const rule = RULES[folder];
  for (const { specifier, typeOnly } of imports) {
    const own = /^@moltbot\/([a-z-]+)(\/.*)?$/.exec(specifier);
    if (own) {
      const [, name, deep] = own;
      const testing = deep === '/testing';
      if (deep && !(testing && test)) problems.push(`${path}: imports past the exports of a package (${specifier})`);
      if (test) continue;
      if (rule.values.includes(name)) continue;
      if (rule.types.includes(name) && typeOnly) continue;
      const why = rule.types.includes(name) ? 'may only be imported as types' : 'is not on a lower floor';
      problems.push(`${path}: ${specifier} ${why} of ${folder}`);
    } else if (specifier.startsWith('.')) {
      const target = relative(root, resolve(dirname(join(root, path)), specifier));
      // Tests of two packages may share what starts their services.
      const shared = test && isTest(`/${target}`);
      if (!target.startsWith(`${folder}/`) && !shared) problems.push(`${path}: leaves its package (${specifier})`);
      if (!test && isTest(`/${target}`)) problems.push(`${path}: product code imports test code (${specifier})`);
    } else if (!test) {
      const library = LIBRARIES.find(({ pattern }) => pattern.test(specifier));
      if (library && !library.folders.includes(folder)) {
        problems.push(`${path}: ${specifier} belongs to ${library.folders.join(', ')}`);
      }
    }
  }
  return problems;
}

export function checkTree() {
  const problems = [];
  let files = 0;
  for (const folder of Object.keys(RULES)) {
    for (const absolute of sources(join(root, folder))) {
      const path = relative(root, absolute);
      const text = readFileSync(absolute, 'utf8');
      files += 1;
      problems.push(...problemsOf({ folder, path, imports: importsOf(absolute, text), test: isTest(`/${path}`) }));
      if (folder !== 'packages/config' && !isTest(`/${path}`) && /\bprocess\.env\b/.test(text)) {
        problems.push(`${path}: reads process.env (only packages/config may)`);
      }
    }
  }
  for (const folder of ['apps', 'packages']) {
    for (const name of readdirSync(join(root, folder))) {
      if (!RULES[`${folder}/${name}`]) problems.push(`${folder}/${name}: has no row in tools/import-rules.mjs`);
    }
  }
  return { files, problems };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { files, problems } = checkTree();
  for (const problem of problems) console.error(problem);
  console.log(`import rules: ${files} files, ${problems.length} problems`);
  process.exit(problems.length === 0 ? 0 : 1);
}
