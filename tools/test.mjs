// `npx -y pnpm@12 test`: everything that must hold before a change lands, one line a step. The last line counts the tests and
// the checks together: `N passed, N failed`.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { root, run, step } from './run.mjs';

const bin = (name) => join(root, 'node_modules', '.bin', name);
const node = existsSync(bin('node')) ? bin('node') : process.execPath;
const patterns = process.argv.slice(2);

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
const report = join(folder, 'jest.json');
console.log('tests …');
const jest = await run(
  node,
  [
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    join(root, 'node_modules', 'jest', 'bin', 'jest.js'),
    '--ci',
    '--json',
    `--outputFile=${report}`,
    ...patterns,
  ],
  { show: true, env: { NODE_ENV: 'test' } },
);
if (existsSync(report)) {
  const result = JSON.parse(readFileSync(report, 'utf8'));
  passed += result.numPassedTests;
  failed += result.numFailedTests + result.numRuntimeErrorTestSuites;
  // A test that is skipped is a check that can't fail.
  if (result.numPendingTests + result.numTodoTests > 0) {
    console.log(`${result.numPendingTests + result.numTodoTests} tests were skipped: counted as failed`);
    failed += result.numPendingTests + result.numTodoTests;
  }
  if (jest.code !== 0 && result.success) failed += 1;
  for (const { name, assertionResults } of result.testResults) {
    for (const { status, invocations, fullName } of assertionResults) {
      if (status === 'passed' && invocations > 1)
        console.log(`try ${invocations} passed: ${relative(root, name)} › ${fullName}`);
    }
  }
} else {
  console.log('jest wrote no report');
  failed += 1;
}
rmSync(folder, { recursive: true, force: true });
finish();

function finish() {
  if (failed === 0) console.log('All good. Next: npx -y pnpm@12 start');
  else
    console.log(
      'Something failed: the first FAILED or ● above says what. One suite alone: npx -y pnpm@12 test packages/config',
    );
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed === 0 ? 0 : 1);
}
