import { getEventListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { failureOf, type Rig, type RigOptions, readStream, startRig } from './failover-rig.js';

/** Two things at the same moment. */

let rig: Rig;
async function start(options: RigOptions): Promise<Rig> {
  rig = await startRig(options);
  return rig;
}
afterEach(async () => {
  await rig.close();
});

const CUT = { type: 'cut', after: 10 } as const;
const STATUS_503 = { type: 'status', status: 503 } as const;

describe('a deadline that passes while a token is refreshed', () => {
  it('sends nothing afterwards, and counts no attempt that was not made', async () => {
    const { vault, attempts, upstream } = await start({
      models: { first: { script: { type: 'status', status: 401 }, credentials: ['first', 'first:b'] } },
      settings: { timeouts: { total: '150ms' } },
    });
    vault.refreshAfterRejection = async () => await new Promise<boolean>(() => undefined);
    const error = await failureOf(rig.engine.answer(rig.call()));
    expect(error.code).toBe('deadline_exceeded');
    expect(upstream('first').requests).toHaveLength(1);
    expect(attempts.map(({ outcome }) => outcome)).toEqual(['credential-rejected']);
    expect(error.attempts).toHaveLength(1);
  });
});

describe('a caller who leaves while a token is refreshed', () => {
  it('is told nothing more, and no attempt is counted that was not made', async () => {
    const { vault, attempts, upstream } = await start({
      models: { first: { script: { type: 'status', status: 401 }, credentials: ['first', 'first:b'] } },
    });
    const caller = new AbortController();
    vault.refreshAfterRejection = async () => {
      caller.abort();
      return true;
    };
    const error = await failureOf(rig.engine.answer(rig.call({ signal: caller.signal })));
    expect(error.code).toBe('client_closed');
    expect(upstream('first').requests).toHaveLength(1);
    expect(attempts).toHaveLength(1);
    expect(getEventListeners(caller.signal, 'abort')).toHaveLength(0);
  });
});

describe('a caller who leaves while a rescue opens', () => {
  it('ends the rescue’s call too, with one row for each call', async () => {
    const { attempts, upstream } = await start({
      models: { first: { script: CUT }, second: { script: { type: 'headers-then-silence' } } },
    });
    const caller = new AbortController();
    const stream = await rig.engine.stream(rig.call({ stream: true, signal: caller.signal }));
    const reading = readStream(stream);
    await upstream('second').waitForRequests(1);
    caller.abort();
    const read = await reading;
    expect(read.error).toMatchObject({ code: 'client_closed' });
    await upstream('second').waitForClose(0);
    expect(attempts.map(({ outcome }) => outcome)).toEqual(['stream-cut', 'cancelled']);
    expect(stream.result().outcome).toBe('cancelled');
    expect(getEventListeners(caller.signal, 'abort')).toHaveLength(0);
  });
});

describe('a probe that is cancelled', () => {
  it('leaves the way free for the next one', async () => {
    const { upstream, events } = await start({
      models: { first: { script: [STATUS_503, { type: 'silence' }, { type: 'answer' }] } },
      settings: {
        models: { retry_policy: { max_attempts: 1 } },
        breaker: { failures: 1, open_for: '100ms', max_open_for: '100ms' },
      },
    });
    await failureOf(rig.engine.answer(rig.call()));
    await sleep(120);
    const caller = new AbortController();
    const probing = failureOf(rig.engine.answer(rig.call({ signal: caller.signal })));
    await upstream('first').waitForRequests(2);
    caller.abort();
    expect((await probing).code).toBe('client_closed');
    await sleep(120);
    expect((await rig.engine.answer(rig.call())).model.ref).toBe('first:m');
    expect(events.filter(({ type }) => type === 'dead')).toHaveLength(2);
  });
});

describe('a stream that never waits', () => {
  it('ends at its deadline all the same', async () => {
    const chunk = `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: 'again and again ' } }] })}\n\n`;
    await start({
      models: {
        first: {
          script: {
            type: 'raw',
            headers: { 'content-type': 'text/event-stream' },
            body: chunk.repeat(60_000),
          },
        },
      },
      settings: { timeouts: { total: '250ms' } },
    });
    const stream = await rig.engine.stream(rig.call({ stream: true }));
    const startedAt = performance.now();
    let error: unknown;
    try {
      for await (const frame of stream.frames) {
        // A reader that is slower than its upstream: there is always something to read.
        if (frame.parts.length > 0) await sleep(30);
      }
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({ code: 'deadline_exceeded' });
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    expect(stream.result().outcome).toBe('interrupted');
  });
});
