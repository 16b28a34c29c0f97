// `npx -y pnpm@12 test`: everything that must hold before a change lands, one line a step. The last line counts the tests and
// the checks together: `N passed, N failed`.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { root, run, step } from './run.mjs';

const bin = (name) => join(root, 'node_modules', '.bin', name);
const node = existsSync(bin('node')) ? bin('node') : process.execPath;
const patterns = process.argv.slice(2);

/** More than these are no accident. */
const MOST_AGAIN = 6;

/** Each counts as one test in the total. */
const CHECKS = [
  ['build', bin('turbo'), ['run', 'build', '--output-logs=errors-only']],
  ['format', bin('biome'), ['format', '.']],
  ['lint', bin('oxlint'), ['--deny-warnings']],
  ['import rules', node, ['tools/import-rules.mjs']],
  ['import rules can fail', node, ['tools/import-rules.test.mjs']],
  ['unused code', bin('knip'), ['--no-config-hints']],
  ['generated docs', node, ['tools/generate-docs.mjs', '--check']],
  ['test types', node, ['tools/check-test-types.mjs']],
  ['links of the docs', node, ['tools/doc-links.mjs']],
];

console.log(`MoltBot tests on Node ${process.versions.node} (scripts on ${(await run(node, ['-v'])).output.trim()})`);
let passed = 0;
let failed = 0;
for (const [name, command, args] of CHECKS) {
  if (await step(name, command, args)) passed += 1;
  else failed += 1;
  // Nothing else says anything useful about a tree that doesn't build.
  if (failed > 0 && name === 'build') finish();
}

const folder = mkdtempSync(join(tmpdir(), 'moltbot-test-'));
/** By file: what came of its tests when they were run last. */
const suites = new Map();
console.log('tests …');
// What is deployed builds images and installs packages: beside it, tests that hold processes to a time would measure the disk.
if (patterns.length > 0) await jest(patterns);
else {
  const deployed = join(root, 'deploy').replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
  await jest(['--testPathIgnorePatterns', deployed]);
  await jest(['--testPathPatterns', deployed]);
}
const broken = [...suites.values()].filter(({ status }) => status === 'failed');
// On a machine that is shared anything may come late once: few failures are looked at again, alone.
if (broken.length > 0 && broken.length <= MOST_AGAIN) {
  console.log(`again, one after the other: ${broken.map(({ name }) => relative(root, name)).join(', ')}`);
  await jest(['--runInBand', '--runTestsByPath', ...broken.map(({ name }) => name)]);
}
for (const { name, status, message, assertionResults } of suites.values()) {
  const count = (wanted) => assertionResults.filter((test) => wanted.includes(test.status)).length;
  passed += count(['passed']);
  // A suite that did not even begin counts as one failure; a test that is skipped is a check that can't fail.
  failed += Math.max(assertionResults.length - count(['passed']), status === 'failed' ? 1 : 0);
  const skipped = count(['pending', 'skipped', 'todo', 'disabled']);
  if (skipped > 0) console.log(`${relative(root, name)}: ${skipped} tests were skipped: counted as failed`);
  if (status === 'failed')
    console.log(`FAILED: ${relative(root, name)}${assertionResults.length === 0 ? `\n${message}` : ''}`);
  for (const { invocations, fullName, status: end } of assertionResults) {
    if (end === 'passed' && invocations > 1)
      console.log(`try ${invocations} passed: ${relative(root, name)} › ${fullName}`);
  }
}
for (const { name } of broken) {
  if (suites.get(name)?.status === 'passed') console.log(`passed when it was run again alone: ${relative(root, name)}`);
}
if (suites.size === 0) {
  console.log('no test was found');
  failed += 1;
}
rmSync(folder, { recursive: true, force: true });
finish();

async function jest(args) {
  const report = join(folder, 'jest.json');
  rmSync(report, { force: true });
  const { code } = await run(
    node,
    [
      '--experimental-vm-modules',
      '--disable-warning=ExperimentalWarning',
      join(root, 'node_modules', 'jest', 'bin', 'jest.js'),
      '--ci',
      '--json',
      `--outputFile=${report}`,
      ...args,
    ],
    { show: true, env: { NODE_ENV: 'test' } },
  );
  const result = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : undefined;
  for (const suite of result?.testResults ?? []) suites.set(suite.name, suite);
  const told = result?.testResults.some(({ status }) => status === 'failed') ?? false;
  if (result === undefined || (code !== 0 && !told)) {
    console.log(result === undefined ? 'jest wrote no report' : `jest ended with ${code}`);
    failed += 1;
  }
}

function finish() {
  if (failed === 0) console.log('All good. Next: npx -y pnpm@12 start');
  else
    console.log(
      'Something failed: the first FAILED or ● above says what. One suite alone: npx -y pnpm@12 test packages/config',
    );
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed === 0 ? 0 : 1);
}
