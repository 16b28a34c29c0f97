// Proves that the import rules can fail: each kind of broken import is reported, and a right one is not.
import assert from 'node:assert/strict';
import { importsOf, problemsOf } from './import-rules.mjs';

const check = (folder, path, text) =>
  problemsOf({ folder, path, imports: importsOf(path, text), test: path.endsWith('.test.ts') });

const BROKEN = [
  ['packages/config', 'packages/config/src/a.ts', "import { x } from '@moltbot/storage';"],
  ['packages/auth', 'packages/auth/src/a.ts', "import { loadConfig } from '@moltbot/config';"],
  ['packages/state', 'packages/state/src/a.ts', "import type { X } from '@moltbot/contracts';"],
  ['packages/auth', 'packages/auth/src/a.ts', "export { x } from '@moltbot/providers';"],
  ['packages/auth', 'packages/auth/src/a.ts', "const x = await import('@moltbot/providers');"],
  ['apps/cli', 'apps/cli/src/a.ts', "import { x } from '@moltbot/config/dist/load.js';"],
  ['apps/cli', 'apps/cli/src/a.ts', "import { x } from '../../primary/src/main.js';"],
  ['apps/worker', 'apps/worker/src/a.ts', "import { Module } from '@nestjs/common';"],
  ['packages/config', 'packages/config/src/a.ts', "import { x } from './testing/x.js';"],
];
for (const [folder, path, text] of BROKEN) assert.equal(check(folder, path, text).length, 1, text);

const RIGHT = [
  ['packages/auth', 'packages/auth/src/a.ts', "import type { Settings } from '@moltbot/config';"],
  ['packages/auth', 'packages/auth/src/a.ts', "import { type A, type B } from '@moltbot/config';"],
  ['apps/primary', 'apps/primary/src/a.ts', "import { Module } from '@nestjs/common'; import './b.js';"],
  ['apps/worker', 'apps/worker/src/a.test.ts', "import { x } from '@moltbot/providers/testing';"],
];
for (const [folder, path, text] of RIGHT) assert.deepEqual(check(folder, path, text), [], text);
console.log('import rules: every broken import was found');
