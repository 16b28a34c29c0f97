import { afterEach, describe, expect, it } from '@jest/globals';
import { failureOf, gaps, type Rig, type RigOptions, readStream, startRig } from './failover-rig.js';

/** Each row of the failure table on a real socket: what the caller got, and what the upstreams saw. */

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
const status = (code: number, headers: Record<string, string> = {}, error: Record<string, string> = {}) =>
  ({ type: 'status', status: code, headers, error }) as const;
/** A failing primary and a healthy fallback. */
const chain = (script: RigOptions['models'][string]['script'], settings: RigOptions['settings'] = {}): RigOptions => ({
  models: { first: { script }, second: { script: ANSWER } },
  settings,
});
const seen = ({ upstream }: Rig, ...names: string[]): readonly number[] =>
  names.map((name) => upstream(name).requests.length);

describe('a silent route is not tried twice', () => {
  it.each([
    ['408', status(408), 'upstream_timeout'],
    ['headers that do not come', { type: 'silence' } as const, 'upstream_timeout'],
  ])('%s moves on', async (_name, behaviour, code) => {
    const { engine, call } = await start(chain(behaviour, { timeouts: { answer: '200ms' } }));
    const served = await engine.answer(call());
    expect(served.fallback).toMatchObject({ to: 'second:m', reason: 'response-timeout' });
    expect(await failureOf(engine.answer(call({ plan: (rig as Rig).planOf('first') })))).toMatchObject({
      code,
      http: 504,
    });
    expect(seen(rig as Rig, 'first', 'second')).toEqual([2, 1]);
  });

  it('moves on from a connection that does not open', async () => {
    // A documentation address (RFC 5737): nobody answers, and nothing is refused. Some networks refuse at once.
    const options = chain(ANSWER, { timeouts: { connect: '100ms', answer: '2s' } });
    const { engine, call, attempts } = await start({
      ...options,
      models: { ...options.models, first: { script: ANSWER, baseUrl: 'http://192.0.2.1:9/v1' } },
    });
    const startedAt = performance.now();
    expect((await engine.answer(call())).model.ref).toBe('second:m');
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    expect(['connect-timeout', 'unreachable']).toContain(attempts[0]?.outcome);
  });

  it.each([
    ['the headers of a stream', { type: 'silence' }, true],
    ['the rest of an answer that is not streamed', { type: 'stall', after: 5 }, false],
  ] as const)('moves on where %s do not come in time', async (_name, behaviour, stream) => {
    const { engine, call, upstream } = await start(
      chain(behaviour, { timeouts: { headers: '120ms', answer: '120ms' } }),
    );
    const startedAt = performance.now();
    const served = await (stream ? engine.stream(call({ stream })) : engine.answer(call()));
    expect(performance.now() - startedAt).toBeLessThan(600);
    expect(served.fallback).toMatchObject({ to: 'second:m', reason: 'response-timeout' });
    await upstream('first').waitForClose(0);
    expect(seen(rig as Rig, 'first', 'second')).toEqual([1, 1]);
    if ('frames' in served) await readStream(served);
  });

  it('counts for the breaker', async () => {
    const { engine, call } = await start(chain(status(408), { breaker: { failures: 2, open_for: '30s' } }));
    for (let index = 0; index < 4; index += 1) await engine.answer(call());
    expect(seen(rig as Rig, 'first', 'second')).toEqual([2, 4]);
  });
});

describe('a connection that breaks before headers', () => {
  it.each(['reset', 'reset-in-headers'] as const)('%s is tried once more, at once', async (type) => {
    const { engine, call, upstream } = await start({
      ...chain({ type }, { models: { retry_policy: { initial_backoff: '1s', max_backoff: '1s' } } }),
      random: () => 0.999,
    });
    expect((await engine.answer(call())).fallback).toMatchObject({ to: 'second:m' });
    expect(seen(rig as Rig, 'first', 'second')).toEqual([2, 1]);
    expect(gaps(upstream('first'))[0]).toBeLessThan(300);
  });

  it('is tried once more where it was refused, and told as not reachable', async () => {
    const { engine, call, attempts } = await start({
      models: { first: { script: ANSWER, baseUrl: 'http://127.0.0.1:1/v1' } },
    });
    expect(await failureOf(engine.answer(call()))).toMatchObject({ code: 'upstream_unreachable', http: 502 });
    expect(attempts.map(({ outcome, connection }) => `${outcome} ${connection}`)).toEqual([
      'unreachable connection-refused',
      'unreachable connection-refused',
    ]);
  });
});

describe('a 200 that is no answer counts as a 502', () => {
  const kinds = [
    { type: 'html' },
    { type: 'empty' },
    { type: 'half-json' },
    { type: 'error-200', error: { status: 500 } },
    { type: 'raw', headers: { 'content-type': 'text/plain' }, body: '{"id":"1"}' },
    { type: 'raw', headers: { 'content-type': 'application/json' }, body: '[]' },
    { type: 'raw', status: 302, headers: { location: 'http://127.0.0.1:1/' }, body: '' },
  ] as const;

  it.each(kinds)('not streamed: $type', async (behaviour) => {
    const { engine, call } = await start(chain(behaviour));
    const served = await engine.answer(call());
    expect(served.model.ref).toBe('second:m');
    expect(seen(rig as Rig, 'first', 'second')).toEqual([3, 1]);
    expect(await failureOf(engine.answer(call({ plan: (rig as Rig).planOf('first') })))).toMatchObject({
      code: 'upstream_error',
      http: 502,
    });
  });

  it.each([
    { type: 'html' },
    { type: 'empty' },
    { type: 'error-200', error: { status: 500 } },
    { type: 'no-finish', answer: { parts: [] } },
    { type: 'raw', headers: { 'content-type': 'application/json' }, body: '{"choices":[]}' },
    { type: 'error-event', after: 0 },
    { type: 'malformed', after: 0 },
    { type: 'cut', after: 0 },
  ] as const)('streamed: $type is a failure before commit', async (behaviour) => {
    const { engine, call } = await start(chain(behaviour));
    const stream = await engine.stream(call({ stream: true }));
    expect(stream.model.ref).toBe('second:m');
    const read = await readStream(stream);
    expect(read.text).toMatch(/^word1 .* word60$/);
    expect(seen(rig as Rig, 'first', 'second')).toEqual([3, 1]);
    expect(stream.result()).toMatchObject({ outcome: 'complete' });
  });

  it('believes what an error object in a 200 says', async () => {
    const { engine, call } = await start(
      chain({ type: 'error-200', error: { status: 400, code: 'context_length_exceeded' } }),
    );
    expect((await engine.answer(call())).fallback).toMatchObject({ reason: 'context-too-long' });
    expect(seen(rig as Rig, 'first', 'second')).toEqual([1, 1]);
  });

  it('believes the code of an error event before the first content', async () => {
    const { engine, call } = await start(
      chain({ type: 'error-event', after: 0, error: { status: 429, code: 'rate_limit_exceeded' } }),
    );
    expect((await engine.stream(call({ stream: true }))).fallback).toMatchObject({ reason: 'rate-limited' });
    expect(seen(rig as Rig, 'first', 'second')).toEqual([1, 1]);
  });
});

describe('first content that comes too late', () => {
  it.each([
    ['keep-alives only', { type: 'slow-first-content', delayMs: 5_000 }],
    ['headers and then nothing', { type: 'headers-then-silence' }],
  ] as const)('%s: the slow attempt is cancelled and the next model answers', async (_name, behaviour) => {
    const { engine, call, upstream } = await start(chain(behaviour, { timeouts: { first_content: '150ms' } }));
    const startedAt = performance.now();
    const stream = await engine.stream(call({ stream: true }));
    expect(stream.fallback).toEqual({ from: 'first:m', to: 'second:m', reason: 'first-content-late' });
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(145);
    await readStream(stream);
    const slow = await upstream('first').waitForClose(0);
    expect((slow.closedByClientAt ?? 0) - slow.at).toBeLessThan(600);
    expect(seen(rig as Rig, 'first', 'second')).toEqual([1, 1]);
  });

  it('counts the time before the headers too', async () => {
    const { engine, call } = await start(
      chain({ type: 'silence' }, { timeouts: { first_content: '120ms', headers: '5s' } }),
    );
    const stream = await engine.stream(call({ stream: true }));
    expect(stream.fallback).toMatchObject({ reason: 'first-content-late' });
    await readStream(stream);
  });

  it('counts half for the breaker', async () => {
    const { engine, call } = await start(
      chain(
        { type: 'headers-then-silence' },
        { timeouts: { first_content: '40ms' }, breaker: { failures: 2, open_for: '30s' } },
      ),
    );
    for (let index = 0; index < 6; index += 1) await readStream(await engine.stream(call({ stream: true })));
    expect(seen(rig as Rig, 'first', 'second')).toEqual([4, 6]);
  });
});
