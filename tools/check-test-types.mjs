// Type-checks what the builds leave out: every test file, against the sources' built declarations.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root } from './run.mjs';

const result = spawnSync(join(root, 'node_modules', '.bin', 'tsc'), ['-p', 'tools/tsconfig.tests.json'], {
  cwd: root,
  stdio: 'inherit',
});
process.exit(result.status ?? 1);
