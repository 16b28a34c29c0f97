import { afterEach, describe, expect, it } from '@jest/globals';
import { Secret } from '@moltbot/contracts';
import { httpAnswer } from '../../testing/raw-server.js';
import { CANARIES, clientAt, failureOf, JSON_TYPE, start, stopServers } from './__fixtures__/raw-host.js';

afterEach(stopServers);

describe('a device that is asked about', () => {
  const device = {
    deviceCode: new Secret(CANARIES.refreshToken),
    userCode: 'ABCD',
    verificationUri: 'https://x.example.com/',
    verificationUriComplete: undefined,
    intervalMs: 1_000,
  };

  async function poll(answers: string[], expiresAfterMs = 600_000) {
    let now = 0;
    const slept: number[] = [];
    const server = await start((socket) => socket.end(answers.shift() ?? ''));
    const client = clientAt(server.url, {
      clock: { now: () => now },
      sleep: (ms) => {
        slept.push(ms);
        now += ms;
        return Promise.resolve();
      },
    });
    const promise = client.finishDevice({ device: { ...device, expiresAt: expiresAfterMs } });
    return { promise, slept };
  }
  const error = (code: string) => httpAnswer(400, JSON_TYPE, JSON.stringify({ error: code }));
  const tokens = httpAnswer(200, JSON_TYPE, '{"access_token":"a","token_type":"Bearer"}');

  it('is asked more slowly after slow_down and after a failure that passes', async () => {
    const { promise, slept } = await poll([
      error('authorization_pending'),
      error('slow_down'),
      httpAnswer(503, { 'retry-after': '30' }, ''),
      error('authorization_pending'),
      tokens,
    ]);
    await expect(promise).resolves.toMatchObject({ expiresAt: undefined, scopes: ['model:read'] });
    expect(slept).toEqual([1_000, 1_000, 6_000, 30_000, 30_000]);
  });

  it('is given up after five failures in a row, and when its time is over', async () => {
    const failing = await poll(Array.from({ length: 9 }, () => httpAnswer(503, {}, '')));
    expect(await failureOf(failing.promise)).toMatchObject({ failure: 'unavailable' });
    expect(failing.slept).toHaveLength(5);
    const late = await poll(
      Array.from({ length: 9 }, () => error('authorization_pending')),
      3_500,
    );
    expect(await failureOf(late.promise)).toMatchObject({
      failure: 'refused',
      code: 'expired_token',
      maybeApplied: false,
    });
    expect(late.slept).toHaveLength(4);
  });
});
