import { afterAll, describe, expect, it } from '@jest/globals';
import { MoltbotError, Secret } from '@moltbot/contracts';
import { systemKeyring } from './system-keyring.js';

const ACCOUNT = `test ${process.pid}`;
const keyring = systemKeyring();
const inTime = () => AbortSignal.timeout(10_000);

describe('the keyring of this machine', () => {
  afterAll(() => keyring.remove(ACCOUNT, inTime()).catch(() => undefined));

  it('keeps a secret, or says in words that it can’t be reached', async () => {
    let unreachable: unknown;
    try {
      await keyring.write(ACCOUNT, new Secret('CANARY'), inTime());
    } catch (error) {
      unreachable = error;
    }
    if (unreachable === undefined) {
      expect((await keyring.read(ACCOUNT, inTime()))?.reveal()).toBe('CANARY');
      await keyring.remove(ACCOUNT, inTime());
      expect(await keyring.read(ACCOUNT, inTime())).toBeUndefined();
      return;
    }
    expect(unreachable).toBeInstanceOf(MoltbotError);
    expect((unreachable as Error).message).toMatch(/^The keyring can’t be reached: .+\.$/);
    expect((unreachable as Error).message).not.toContain('CANARY');
    await expect(keyring.read(ACCOUNT, inTime())).rejects.toBeInstanceOf(MoltbotError);
  });

  it('is given up when the time is over', async () => {
    const stop = new AbortController();
    const asked = keyring.read(ACCOUNT, stop.signal);
    stop.abort();
    await expect(asked).rejects.toMatchObject({ message: 'The keyring can’t be reached: it did not answer in time.' });
  });
});
