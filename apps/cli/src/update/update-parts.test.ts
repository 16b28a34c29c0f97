import { describe, expect, it } from '@jest/globals';
import { messagesFor } from '../messages/messages.js';
import { compareVersions } from './compare-versions.js';
import { newestVersion } from './newest-version.js';
import { restartOrRollBack } from './restart-or-roll-back.js';

describe('compareVersions', () => {
  it('is the order of Semantic Versioning', () => {
    // The example of its section 11, and what numbers are easily got wrong.
    const order = ['0.9.9', '1.0.0-alpha', '1.0.0-alpha.1', '1.0.0-alpha.beta', '1.0.0-beta', '1.0.0-beta.2'];
    order.push('1.0.0-beta.11', '1.0.0-rc.1', '1.0.0', '1.2.0', '1.10.0', '2.0.0');
    for (const [index, one] of order.entries()) {
      for (const [place, other] of order.entries()) {
        expect([one, other, Math.sign(compareVersions(one, other))]).toEqual([one, other, Math.sign(index - place)]);
      }
    }
    expect(compareVersions('1.0.0+one', '1.0.0+two')).toBe(0);
  });
});

describe('newestVersion', () => {
  const messages = messagesFor({ locale: 'en', command: 'moltbot' });
  const ask = async (answer: () => Promise<Response>) => {
    const asked: string[] = [];
    const version = newestVersion({
      registry: 'https://registry.test/npm/',
      name: '@scope/bot',
      messages,
      fetch: async (url) => {
        asked.push(url);
        return answer();
      },
    });
    return { asked, version };
  };

  it('asks the registry for the newest', async () => {
    const { asked, version } = await ask(async () => Response.json({ version: '1.2.3' }));
    expect(await version).toBe('1.2.3');
    expect(asked).toEqual(['https://registry.test/npm/@scope%2fbot/latest']);
  });

  it.each([
    ['a refusal', async () => new Response('', { status: 503 }), /HTTP 503/],
    ['no JSON', async () => new Response('<html>'), /JSON/],
    ['no version', async () => Response.json({}), /HTTP 200/],
    ['no answer', async () => Promise.reject(new Error('connect ECONNREFUSED')), /ECONNREFUSED/],
  ])('says what came instead: %s', async (_what, answer, words) => {
    const { version } = await ask(answer);
    await expect(version).rejects.toMatchObject({ exit: 'unreachable', message: expect.stringMatching(words) });
  });
});

describe('restartOrRollBack', () => {
  /** A service whose versions become ready, or not. */
  const service = (works: Readonly<Record<string, boolean | 'refuses'>>) => {
    let chosen = 'new';
    let running: string | undefined;
    const steps: string[] = [];
    return {
      steps,
      outcome: restartOrRollBack({
        version: 'new',
        previous: 'old',
        withinMs: 20,
        askEveryMs: 1,
        use(version) {
          chosen = version;
          steps.push(`use ${version}`);
        },
        async stop() {
          steps.push('stop');
          running = undefined;
        },
        async start() {
          steps.push(`start ${chosen}`);
          if (works[chosen] === 'refuses') throw new Error('systemctl: no');
          running = works[chosen] === true ? chosen : undefined;
        },
        async keepData() {
          steps.push(`keep data of ${running ?? 'nobody'}`);
          return {
            restore: async () => void steps.push(`restore data of ${running ?? 'nobody'}`),
            drop: async () => void steps.push('drop data'),
          };
        },
        askVersion: async () => running,
      }),
    };
  };

  it('is done where the new version becomes ready', async () => {
    const { outcome, steps } = service({ new: true });
    expect(await outcome).toEqual({ outcome: 'ready' });
    expect(steps).toEqual(['stop', 'keep data of nobody', 'start new', 'drop data']);
  });

  it.each([[false as const], ['refuses' as const]])('goes back where it does not (%j)', async (how) => {
    const { outcome, steps } = service({ new: how, old: true });
    expect(await outcome).toMatchObject({ outcome: 'rolled-back', readyAgain: true });
    expect(steps).toEqual([
      'stop',
      'keep data of nobody',
      'start new',
      'use old',
      'stop',
      'restore data of nobody',
      'start old',
    ]);
  });

  it('says so where the former one does not come back either', async () => {
    expect(await service({}).outcome).toEqual({
      outcome: 'rolled-back',
      readyAgain: false,
      why: 'version new was not ready within 0.02 s: nothing answers',
    });
  });
});
