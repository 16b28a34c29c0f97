import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { embeddedPostgresStatus } from './embedded-postgres-status.js';
import { finishReturn, keptDataFolders } from './kept-data.js';
import { startEmbeddedPostgres } from './start-embedded-postgres.js';

let dataDirectory: string;
beforeEach(() => {
  dataDirectory = mkdtempSync(join(tmpdir(), 'moltbot-kept-data-'));
});
afterEach(() => {
  rmSync(dataDirectory, { recursive: true, force: true });
});

it('starts on the data of before where a return to them was killed between its two renames', async () => {
  await (await startEmbeddedPostgres({ dataDirectory })).stop();
  const status = embeddedPostgresStatus({ dataDirectory });
  const data = status.state === 'stopped' ? status.directory : '';
  writeFileSync(join(data, 'mine'), 'mine');
  renameSync(data, keptDataFolders(data).copy);
  await (await startEmbeddedPostgres({ dataDirectory })).stop();
  expect(readFileSync(join(data, 'mine'), 'utf8')).toBe('mine');
  expect(existsSync(keptDataFolders(data).copy)).toBe(false);
  expect(finishReturn({ dataDirectory })).toBe(false);
});
