import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { withFileVariables } from './file-variables.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'moltbot-variables-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('variables that name a file', () => {
  it('give a setting what the file says, without the blanks around it', async () => {
    const file = join(folder, 'url');
    await writeFile(file, '  postgres://moltbot@db/moltbot\n');
    expect(await withFileVariables({ MOLTBOT_STORAGE_URL_FILE: file, PATH: '/bin' })).toEqual({
      MOLTBOT_STORAGE_URL: 'postgres://moltbot@db/moltbot',
      PATH: '/bin',
    });
  });

  it('are left alone where the name is a setting of its own, no setting, or empty', async () => {
    const env = {
      MOLTBOT_LOGS_FILE: '/nowhere/moltbot.log',
      MOLTBOT_SECRET_KEY_FILE: '/nowhere/key',
      MOLTBOT_NOTHING_FILE: '/nowhere',
      MOLTBOT_QUEUE_URL_FILE: ' ',
    };
    expect(await withFileVariables(env)).toEqual(env);
  });

  it('are refused by name, all of them, where the file says nothing or the setting is said twice', async () => {
    const empty = join(folder, 'empty');
    await writeFile(empty, '\n');
    const refused = withFileVariables({
      MOLTBOT_STORAGE_URL_FILE: join(folder, 'missing'),
      MOLTBOT_QUEUE_URL_FILE: folder,
      MOLTBOT_STATE_URL_FILE: empty,
      MOLTBOT_OBJECTS_SECRET_ACCESS_KEY: 'CANARY',
      MOLTBOT_OBJECTS_SECRET_ACCESS_KEY_FILE: empty,
    });
    const { message, code } = (await refused.catch((error: unknown) => error)) as Error & { code: string };
    expect(code).toBe('config_invalid');
    expect(message.replaceAll(folder, '')).toBe(
      [
        'MOLTBOT_STORAGE_URL_FILE: there is no file /missing',
        'MOLTBOT_QUEUE_URL_FILE:  cannot be read: it is a folder',
        'MOLTBOT_STATE_URL_FILE: /empty is empty',
        'MOLTBOT_OBJECTS_SECRET_ACCESS_KEY_FILE: set MOLTBOT_OBJECTS_SECRET_ACCESS_KEY or MOLTBOT_OBJECTS_SECRET_ACCESS_KEY_FILE, not both',
      ].join('\n'),
    );
    expect(message).not.toContain('CANARY');
  });
});
