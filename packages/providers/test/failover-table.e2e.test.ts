import { afterEach, describe, expect, it } from '@jest/globals';
import { failureOf, gaps, readStream, type Rig, type RigOptions, startRig } from './failover-rig.js';

let rig: Rig;
async function start(options: RigOptions): Promise<Rig> {
  rig = await startRig(options);
  return rig;
}
afterEach(async () => {
  await rig.close();
});

const ANSWER = { type: 'answer' } as const;
const status = (code: number, headers: Record<string, string> = {}) =>
  ({ type: 'status', status: code, headers }) as const;

describe('smoke', () => {
  it('answers', async () => {
    const { engine, call, upstream } = await start({ models: { first: { script: ANSWER } } });
    const served = await engine.answer(call());
    expect(served.answer.answer().content).toMatchObject([{ type: 'text' }]);
    expect(upstream('first').requests).toHaveLength(1);
  });
  it('streams', async () => {
    const { engine, call } = await start({ models: { first: { script: ANSWER } } });
    const stream = await engine.stream(call({ stream: true }));
    const read = await readStream(stream);
    expect(read.error).toBeUndefined();
    expect(read.text).toContain('word60');
    expect(stream.result()).toMatchObject({ outcome: 'complete' });
  });
  it('repeats a 500 and moves on', async () => {
    const { engine, call, upstream } = await start({
      models: { first: { script: status(500) }, second: { script: ANSWER } },
    });
    const served = await engine.answer(call());
    expect(served.model.ref).toBe('second:m');
    expect(upstream('first').requests).toHaveLength(3);
    console.log(gaps(upstream('first')), served.attempts, served.fallback);
  });
  it('passes a 400 on', async () => {
    const { engine, call } = await start({ models: { first: { script: status(400) }, second: { script: ANSWER } } });
    const error = await failureOf(engine.answer(call()));
    expect(error).toMatchObject({ code: 'invalid_request', http: 400 });
  });
});
