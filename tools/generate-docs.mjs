// Writes the reference parts of docs/ from the code that they describe; with --check only compares, and exits 1 on a difference.
// A page is text by hand with generated parts between `<!-- generated: NAME -->` and `<!-- /generated -->`.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { root } from './run.mjs';

const from = (folder) => createRequire(join(root, folder, 'package.json'));
const load = (folder, name) => import(from(folder).resolve(name));
const { ERRORS, JOBS } = await load('packages/config', '@moltbot/contracts');
const { settingsReferenceMarkdown } = await load('packages/storage', '@moltbot/config');
const { metricsReferenceMarkdown } = await load('apps/primary', '@moltbot/observability');
const { failureTableMarkdown, demoDirectivesMarkdown } = await load('apps/primary', '@moltbot/providers');
const { openApiDocument } = await import(join(root, 'apps/primary/dist/ops/openapi.js'));
const { commandReferenceMarkdown } = await import(join(root, 'apps/cli/dist/command-reference.js'));
const { doctorReferenceMarkdown } = await import(join(root, 'apps/cli/dist/doctor-reference.js'));
const { version } = JSON.parse(readFileSync(join(root, 'apps/primary/package.json'), 'utf8'));

const table = (head, rows) =>
  [head, head.map(() => '---'), ...rows]
    .map((cells) => `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|')).join(' | ')} |`)
    .join('\n');

const errors = () =>
  table(
    ['code', 'HTTP', 'retry helps', 'what it means', 'what to do'],
    Object.entries(ERRORS).map(([code, row]) => [
      `\`${code}\``,
      row.http,
      row.retryable ? 'yes' : 'no',
      row.title,
      row.action,
    ]),
  );

const ages = ({ count, ageMs }) => `${count}, ${ageMs / 86_400_000} days`;

const jobs = () =>
  table(
    [
      'job',
      'what it does',
      'who may ask for it',
      'queue',
      'priority',
      'attempts',
      'first wait',
      'time limit',
      'kept when completed',
      'kept when dead or cancelled',
    ],
    Object.entries(JOBS).map(([name, row]) => [
      `\`${name}\``,
      row.title + (row.isolated === undefined ? '' : ' (in a thread)'),
      row.submittable ? `scope \`${row.scope}\`` : 'MoltBot itself',
      `\`${row.queue}\``,
      row.priority,
      row.attempts,
      `${row.backoff.firstMs} ms`,
      `${row.timeoutMs / 1000} s`,
      ages(row.retention.completed),
      ages(row.retention.failed),
    ]),
  );

const PARTS = [
  ['docs/errors.md', 'errors', errors],
  ['docs/configuration.md', 'settings', settingsReferenceMarkdown],
  ['docs/metrics.md', 'metrics', metricsReferenceMarkdown],
  ['docs/failover.md', 'failure table', failureTableMarkdown],
  ['docs/demo.md', 'directives', demoDirectivesMarkdown],
  ['docs/jobs.md', 'jobs', jobs],
  ['docs/cli.md', 'commands', commandReferenceMarkdown],
  ['docs/doctor.md', 'checks', doctorReferenceMarkdown],
];

const check = process.argv.includes('--check');
let different = 0;

for (const [path, name, make] of PARTS) {
  const file = join(root, path);
  const before = readFileSync(file, 'utf8');
  const begin = `<!-- generated: ${name} -->`;
  const end = '<!-- /generated -->';
  const from = before.indexOf(begin);
  const to = before.indexOf(end, from);
  if (from < 0 || to < 0) throw new Error(`${path}: no part "${name}"`);
  settle(file, path, before, `${before.slice(0, from)}${begin}\n${make().trim()}\n${before.slice(to)}`);
}
const openApi = join(root, 'docs/openapi.json');
let before = '';
try {
  before = readFileSync(openApi, 'utf8');
} catch {
  // The first time there is none.
}
settle(openApi, 'docs/openapi.json', before, `${JSON.stringify(openApiDocument(version), undefined, 2)}\n`);
if (different > 0 && check) console.error('Run: npx -y pnpm@12 run docs');
process.exit(check && different > 0 ? 1 : 0);

function settle(file, path, before, after) {
  if (before === after) return;
  different += 1;
  if (check) console.error(`${path} is not what the code says`);
  else {
    writeFileSync(file, after);
    console.log(`wrote ${path}`);
  }
}
