import { afterEach, describe, expect, it } from '@jest/globals';
import { MoltbotError, type Secret } from '@moltbot/contracts';
import type { Behaviour } from '../src/testing.js';
import { failureOf, type Rig, type RigOptions, startRig } from './failover-rig.js';

/** Several accounts of one provider: which one is asked, which one is out, for what and for how long. */

let rig: Rig | undefined;
async function start(options: RigOptions): Promise<Rig> {
  rig = await startRig(options);
  return rig;
}
afterEach(async () => {
  await rig?.close();
  rig = undefined;
});

const ANSWER = { type: 'answer' } as const;
const status = (code: number, headers: Record<string, string> = {}) =>
  ({ type: 'status', status: code, headers, error: {} }) as const;

/** Who paid for each request that a provider saw. */
function payers({ upstream }: Rig, name = 'first'): readonly string[] {
  return upstream(name).requests.map(({ headers }) => String(headers['authorization']).replace('Bearer key-of-', ''));
}

/** One provider whose accounts answer as told; two models where `models` says so. */
function accounts(
  answers: Readonly<Record<string, Behaviour>>,
  provider: RigOptions['models'][string]['provider'] = {},
): RigOptions {
  return {
    models: {
      first: {
        script: ({ headers }) => answers[String(headers['authorization']).replace('Bearer key-of-', '')] ?? ANSWER,
        credentials: Object.keys(answers),
        provider,
      },
    },
  };
}

describe('several accounts of one provider', () => {
  it('are asked in the order of auth.json, the first as long as it is well', async () => {
    const { engine, call } = await start(accounts({ first: ANSWER, 'first:b': ANSWER, 'first:c': ANSWER }));
    for (let index = 0; index < 4; index += 1) await engine.answer(call());
    expect(payers(rig as Rig)).toEqual(['first', 'first', 'first', 'first']);
  });

  it('take turns where the one that rested longest is asked first, also under many requests at once', async () => {
    const order = { credential_order: 'least_recently_used' };
    const { engine, call } = await start(accounts({ first: ANSWER, 'first:b': ANSWER, 'first:c': ANSWER }, order));
    for (let index = 0; index < 4; index += 1) await engine.answer(call());
    expect(payers(rig as Rig)).toEqual(['first', 'first:b', 'first:c', 'first']);
    await Promise.all(Array.from({ length: 29 }, async () => engine.answer(call())));
    const counts = Object.groupBy(payers(rig as Rig), (payer) => payer);
    expect(Object.values(counts).map((each) => each?.length)).toEqual([11, 11, 11]);
  });

  it('take turns without the one that is limited, and with it again afterwards', async () => {
    let limited = true;
    const { engine, call } = await start({
      models: {
        first: {
          script: ({ headers }) =>
            limited && headers['authorization'] === 'Bearer key-of-first'
              ? status(429, { 'retry-after-ms': '300' })
              : ANSWER,
          credentials: ['first', 'first:b', 'first:c'],
          provider: { credential_order: 'least_recently_used' },
        },
      },
    });
    for (let index = 0; index < 4; index += 1) await engine.answer(call());
    expect(payers(rig as Rig)).toEqual(['first', 'first:b', 'first:c', 'first:b', 'first:c']);
    limited = false;
    await new Promise((resolve) => setTimeout(resolve, 310));
    await engine.answer(call());
    expect(payers(rig as Rig).at(-1)).toBe('first');
  });

  it('are limited for one model each, and left alone for no other', async () => {
    const { engine, call, plan, model } = await start(accounts({ first: status(429, { 'retry-after': '60' }) }));
    await failureOf(engine.answer(call()));
    await failureOf(engine.answer(call()));
    expect(payers(rig as Rig)).toHaveLength(1);
    const sibling = { ...model('first'), ref: 'first:sibling', name: 'sibling' };
    await failureOf(engine.answer(call({ plan: { ...plan, models: [sibling] } })));
    expect(payers(rig as Rig)).toHaveLength(2);
    expect(engine.credentialHealth()).toEqual([
      expect.objectContaining({ credential: 'first', model: 'first:m', state: 'cooling', reason: 'rate-limited' }),
      expect.objectContaining({ credential: 'first', model: 'first:sibling', state: 'cooling' }),
    ]);
  });

  it('are out for every model where the account is empty, until they are reset in every process', async () => {
    const { engine, call, plan, model, another } = await start(accounts({ first: status(402), 'first:b': ANSWER }));
    const sibling = { ...plan, models: [{ ...model('first'), ref: 'first:sibling', name: 'sibling' }] };
    const second = another();
    await engine.answer(call());
    await engine.answer(call({ plan: sibling }));
    await second.answer(call());
    expect(payers(rig as Rig)).toEqual(['first', 'first:b', 'first:b', 'first:b']);
    const [entry] = second.credentialHealth();
    expect(entry).toMatchObject({ credential: 'first', state: 'out', reason: 'quota-exhausted' });
    expect(((entry?.untilMs ?? 0) - Date.now()) / 3_600_000).toBeCloseTo(5, 2);
    // Nothing was known of it in a process that has just begun: the others hear of it all the same.
    expect(await another().resetCredential('first')).toEqual({ cleared: 0, shared: true });
    expect([engine.credentialHealth(), second.credentialHealth()]).toEqual([[], []]);
    await engine.answer(call());
    expect(payers(rig as Rig).slice(4)).toEqual(['first', 'first:b']);
    // And what was known before the reset does not come back with a process that begins now.
    const late = another();
    await engine.resetCredential('first');
    await late.answer(call({ plan: sibling }));
    expect(payers(rig as Rig).slice(6)).toEqual(['first', 'first:b']);
  });
});

describe('an account that is signed in to', () => {
  const oauth = (options: RigOptions): RigOptions => options;
  const FRESH: RigOptions['models'][string] = {
    script: ({ headers }) => (headers['authorization'] === 'Bearer fresh' ? ANSWER : status(401)),
    credentials: ['first'],
  };
  const makeOauth = ({ vault }: Rig): void => {
    const found = vault.credentials.get('first');
    if (found !== undefined) found.type = 'oauth';
  };

  it('is not held to be rejected while its token only wants to be refreshed', async () => {
    const { engine, call, vault, events } = await start(
      oauth({ models: { first: FRESH, second: { script: ANSWER } } }),
    );
    makeOauth(rig as Rig);
    vault.setNext('first', 'fresh');
    expect((await engine.answer(call())).model.ref).toBe('first:m');
    expect(vault.refreshes).toBe(1);
    expect(events.filter(({ type }) => type === 'credential')).toEqual([]);
    expect(engine.credentialHealth()).toEqual([]);
  });

  it('is out after one forced refresh that did not help, and well as soon as it was signed in to anew', async () => {
    const { engine, call, vault, events, upstream } = await start({
      models: { first: FRESH, second: { script: ANSWER } },
    });
    makeOauth(rig as Rig);
    vault.setNext('first', 'refreshed, and rejected too');
    expect((await engine.answer(call())).model.ref).toBe('second:m');
    expect([upstream('first').requests.length, vault.refreshes]).toEqual([2, 1]);
    expect(events.filter(({ type }) => type === 'credential')).toEqual([
      expect.objectContaining({ credential: 'first', state: 'out', reason: 'credential-rejected' }),
    ]);
    expect((await engine.answer(call())).model.ref).toBe('second:m');
    expect(upstream('first').requests).toHaveLength(2);
    vault.replace('first', 'fresh');
    expect((await engine.answer(call())).model.ref).toBe('first:m');
    expect(engine.credentialHealth()).toEqual([]);
  });

  it('stays out for hours where it is empty, though its token is renewed meanwhile', async () => {
    const { engine, call, vault } = await start(accounts({ first: status(402), 'first:b': ANSWER }));
    makeOauth(rig as Rig);
    await engine.answer(call());
    vault.replace('first', 'renewed by the hour');
    await engine.answer(call());
    expect(payers(rig as Rig)).toEqual(['first', 'first:b', 'first:b']);
  });

  it.each(['credential_expired', 'credential_refresh_failed', 'token_store_unavailable'] as const)(
    'is passed over with %s, for the next key and the next model, and the attempt says so',
    async (code) => {
      const { engine, call, vault, attempts } = await start({
        models: { first: { script: ANSWER, credentials: ['first', 'first:b'] }, second: { script: ANSWER } },
      });
      const unusable = new Set(['first']);
      const tokenFor = vault.tokenFor.bind(vault);
      vault.tokenFor = (id) => {
        if (!unusable.has(id)) return tokenFor(id);
        const error = new MoltbotError(code, `${id} can not be used`);
        if (code === 'credential_expired') throw error;
        return Promise.reject(error);
      };
      expect(await engine.answer(call())).toMatchObject({ credential: 'first:b', fallback: undefined });
      unusable.add('first:b');
      const served = await engine.answer(call());
      expect(served).toMatchObject({ model: { ref: 'second:m' }, fallback: { from: 'first:m', reason: code } });
      expect(attempts.map(({ credential, outcome }) => `${credential} ${outcome}`)).toEqual([
        `first ${code}`,
        'first:b ok',
        `first ${code}`,
        `first:b ${code}`,
        'none ok',
      ]);
      const alone = await failureOf(engine.answer(call({ plan: (rig as Rig).planOf('first') })));
      expect(alone).toMatchObject({ code, message: 'first can not be used' });
      expect(alone.attempts.map(({ outcome }) => outcome)).toEqual([code, code]);
    },
  );

  it('is waited for no longer than a connection where others are left, and else until the deadline', async () => {
    const { engine, call, vault, attempts } = await start({
      models: { first: { script: ANSWER, credentials: ['first'] }, second: { script: ANSWER } },
      settings: { timeouts: { connect: '100ms', total: '600ms' } },
    });
    vault.tokenFor = async () => new Promise<Secret>(() => {});
    const started = performance.now();
    expect((await engine.answer(call())).model.ref).toBe('second:m');
    expect(performance.now() - started).toBeLessThan(400);
    expect(attempts[0]).toMatchObject({ outcome: 'credential_refresh_failed' });
    expect(attempts[0]?.durationMs).toBeGreaterThanOrEqual(95);
    const late = await failureOf(engine.answer(call({ plan: (rig as Rig).planOf('first') })));
    expect(late.code).toBe('deadline_exceeded');
    expect(performance.now() - started).toBeLessThan(1_500);
  });
});

describe('a provider that is called without a key', () => {
  it('and wants one is said to want one', async () => {
    const { engine, call } = await start({ models: { first: { script: status(401) } } });
    const error = await failureOf(engine.answer(call()));
    expect(error).toMatchObject({ code: 'credential_missing' });
    expect(error.message).toBe('first wants a key, status 401, and there is no entry for it in auth.json');
  });
});
