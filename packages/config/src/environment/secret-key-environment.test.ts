import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readSecretKey } from './secret-key-environment.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'moltbot-key-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('the key that seals tokens, of the environment', () => {
  it('is the variable, or what is in the file that the other one names', async () => {
    const file = join(folder, 'key');
    await writeFile(file, 'from-a-file\nolder\n');
    expect(await readSecretKey({})).toBeUndefined();
    expect(await readSecretKey({ MOLTBOT_SECRET_KEY: ' ', MOLTBOT_SECRET_KEY_FILE: '' })).toBeUndefined();
    expect((await readSecretKey({ MOLTBOT_SECRET_KEY: ' text ' }))?.reveal()).toBe('text');
    expect((await readSecretKey({ MOLTBOT_SECRET_KEY_FILE: file }))?.reveal()).toBe('from-a-file\nolder');
  });

  it('is not left out silently where it was meant to be there', async () => {
    const empty = join(folder, 'empty');
    await writeFile(empty, '\n');
    const wrong = [
      { MOLTBOT_SECRET_KEY_FILE: join(folder, 'missing') },
      { MOLTBOT_SECRET_KEY_FILE: folder },
      { MOLTBOT_SECRET_KEY_FILE: empty },
      { MOLTBOT_SECRET_KEY_FILE: empty, MOLTBOT_SECRET_KEY: 'CANARY' },
    ];
    for (const env of wrong) {
      const error: unknown = await readSecretKey(env).catch((error: unknown) => error);
      expect(error).toMatchObject({ code: 'config_invalid' });
      expect((error as Error).message).toContain('MOLTBOT_SECRET_KEY_FILE');
      expect((error as Error).message).not.toContain('CANARY');
    }
  });
});
