import { afterEach, describe, expect, it } from '@jest/globals';
import type { MoltbotError } from '@moltbot/contracts';
import { SCRIPTED_TEXT } from '../src/testing.js';
import { type ReadStream, type Rig, type RigOptions, readStream, startRig } from './failover-rig.js';

/** What happens to a stream after its first content has gone to the caller. */

let rig: Rig;
async function start(options: RigOptions): Promise<Rig> {
  rig = await startRig(options);
  return rig;
}
afterEach(async () => {
  await rig.close();
});

const CONTINUE = { type: 'continue' } as const;
const CUT = { type: 'cut', after: 40 } as const;
const status = (code: number) => ({ type: 'status', status: code }) as const;
const PREFILL = { prefill: true };
/** A primary that breaks off, and a fallback. */
const chain = (
  first: RigOptions['models'][string]['script'],
  second: RigOptions['models'][string]['script'] = CONTINUE,
  more: Partial<RigOptions['models'][string]> = { capabilities: PREFILL },
): RigOptions => ({ models: { first: { script: first }, second: { script: second, ...more } } });

async function streamed(options: Parameters<Rig['call']>[0] = {}) {
  const stream = await rig.engine.stream(rig.call({ stream: true, ...options }));
  return { stream, read: await readStream(stream), result: stream.result() };
}

function interrupted(read: ReadStream): MoltbotError {
  expect(read.error).toMatchObject({ code: 'stream_interrupted', http: 502 });
  expect(read.finish).toBeUndefined();
  expect(read.parts.some((part) => part.type === 'end')).toBe(false);
  expect(read.bytes).not.toContain('[DONE]');
  return read.error as MoltbotError;
}

const requests = (...names: string[]): readonly number[] => names.map((name) => rig.upstream(name).requests.length);

describe('a stream that is cut after 40 tokens', () => {
  it('is continued by the next model from the text so far, and reads as one', async () => {
    const { upstream, events, attempts } = await start(chain(CUT));
    const { stream, read, result } = await streamed();
    expect(read.error).toBeUndefined();
    expect(read.text).toBe(SCRIPTED_TEXT);
    expect(read.finish).toBe('stop');
    expect(read.parts.at(-1)).toEqual({ type: 'end' });
    expect(requests('first', 'second')).toEqual([1, 1]);
    const turns = upstream('second').requests[0]?.turns ?? [];
    expect(turns.at(-1)).toMatchObject({ role: 'assistant' });
    expect(SCRIPTED_TEXT.startsWith(turns.at(-1)?.text.trimEnd() ?? 'nothing')).toBe(true);
    expect(stream.model.ref).toBe('first:m');
    const segment = read.frames.find((frame) => frame.segment !== undefined);
    expect(segment).toMatchObject({
      bytes: undefined,
      segment: { model: { ref: 'second:m' }, rung: 'prefill', reason: 'stream-cut', replaces: false },
    });
    expect(result.outcome).toBe('rescued');
    expect(result.spans.map(({ target }) => target)).toEqual(['first:m', 'second:m']);
    expect(result.spans.reduce((sum, { length }) => sum + length, 0)).toBe(SCRIPTED_TEXT.length);
    expect(result.attempts.map(({ outcome }) => outcome)).toEqual(['stream-cut', 'ok']);
    expect(attempts.map(({ role, outcome }) => [role, outcome])).toEqual([
      ['answer', 'stream-cut'],
      ['prefill', 'ok'],
    ]);
    expect(events).toContainEqual(expect.objectContaining({ type: 'rescue', rung: 'prefill', outcome: 'joined' }));
  });

  it('is asked to go on in a user turn where the model takes no prefill', async () => {
    const { upstream } = await start(chain(CUT, CONTINUE, {}));
    const { read } = await streamed();
    expect(read.text).toBe(SCRIPTED_TEXT);
    const turns = upstream('second').requests[0]?.turns ?? [];
    expect(turns.slice(-2).map(({ role }) => role)).toEqual(['assistant', 'user']);
    expect(turns.at(-1)?.text).toContain('broke off');
  });

  it('is asked to go on where a prefill is refused', async () => {
    const { events } = await start(chain(CUT, { type: 'refuse-prefill', otherwise: CONTINUE }));
    const { read, result } = await streamed();
    expect(read.text).toBe(SCRIPTED_TEXT);
    expect(requests('first', 'second')).toEqual([1, 2]);
    expect(result.attempts.map(({ outcome }) => outcome)).toEqual(['stream-cut', 'invalid-request', 'ok']);
    expect(events.filter(({ type }) => type === 'rescue')).toEqual([
      expect.objectContaining({ rung: 'prefill', outcome: 'failed' }),
      expect.objectContaining({ rung: 'continue', outcome: 'joined' }),
    ]);
  });

  it('is answered anew where nothing else works; what repeats is not shown again', async () => {
    await start(chain(CUT, [status(400), status(400), { type: 'answer' }]));
    const { read, result } = await streamed();
    expect(read.error).toBeUndefined();
    expect(read.text).toBe(SCRIPTED_TEXT);
    expect(read.frames.find((frame) => frame.segment)?.segment).toMatchObject({ rung: 'anew', replaces: false });
    expect(requests('first', 'second')).toEqual([1, 3]);
    expect(result).toMatchObject({ outcome: 'rescued', end: 'joined' });
  });

  it('ends honestly where the new answer is another one', async () => {
    const other = { type: 'answer', answer: { text: 'Something quite different.' } } as const;
    const { upstream } = await start({
      ...chain(CUT, [status(400), status(400), other]),
      settings: { models: { retry_policy: { max_attempts: 1 } } },
    });
    const { read, result } = await streamed();
    expect(interrupted(read).attempts.map(({ outcome }) => outcome)).toContain('stream-cut');
    expect(SCRIPTED_TEXT.startsWith(read.text)).toBe(true);
    expect(result.outcome).toBe('interrupted');
    expect(upstream('second').requests).toHaveLength(3);
  });

  it('is replaced by another answer only where the caller can be told so', async () => {
    const other = { type: 'answer', answer: { text: 'Something quite different.' } } as const;
    await start(chain(CUT, [status(400), status(400), other]));
    const { read, result } = await streamed({ replaceable: true });
    const at = read.frames.findIndex((frame) => frame.segment !== undefined);
    expect(read.frames[at]?.segment).toMatchObject({ rung: 'anew', replaces: true });
    const after = read.frames.slice(at).flatMap((frame) => frame.parts);
    expect(after.map((part) => (part.type === 'text-delta' ? part.text : '')).join('')).toBe(
      'Something quite different.',
    );
    expect(result.spans).toEqual([{ target: 'second:m', length: 'Something quite different.'.length }]);
    expect(result).toMatchObject({ outcome: 'rescued', end: 'replaced' });
  });

  it('is continued by the same target where no other is left and the budget has a repeat', async () => {
    await start({ models: { first: { script: [CUT, CONTINUE], capabilities: PREFILL } } });
    const { read, result } = await streamed();
    expect(read.text).toBe(SCRIPTED_TEXT);
    expect(requests('first')).toEqual([2]);
    expect(result.outcome).toBe('rescued');
  });

  it('is continued as often as the chain allows', async () => {
    await start({
      models: {
        first: { script: { type: 'cut', after: 10 } },
        second: { script: status(503), capabilities: PREFILL },
        third: { script: { type: 'raw', body: '' }, capabilities: PREFILL },
        fourth: { script: [{ ...CONTINUE }], capabilities: PREFILL },
      },
      settings: { models: { retry_policy: { max_attempts: 1 } } },
    });
    const { read, result } = await streamed();
    expect(read.text).toBe(SCRIPTED_TEXT);
    expect(requests('first', 'second', 'third', 'fourth')).toEqual([1, 1, 1, 1]);
    expect(result.spans.map(({ target }) => target)).toEqual(['first:m', 'fourth:m']);
  });

  it('is continued where the continuation is cut too', async () => {
    const words = SCRIPTED_TEXT.split(' ');
    const from = (start: number) => ` ${words.slice(start).join(' ')}`;
    await start({
      models: {
        first: { script: { type: 'cut', after: 10 } },
        second: { script: { type: 'cut', after: 15, answer: { text: from(10) } }, capabilities: PREFILL },
        third: { script: CONTINUE, capabilities: PREFILL },
      },
    });
    const { read, result } = await streamed();
    expect(read.error).toBeUndefined();
    expect(read.text).toBe(SCRIPTED_TEXT);
    expect(result.spans.map(({ target }) => target)).toEqual(['first:m', 'second:m', 'third:m']);
    expect(read.frames.filter((frame) => frame.segment !== undefined)).toHaveLength(2);
  });

  it('loses the overlap of a model that begins a little earlier', async () => {
    const words = SCRIPTED_TEXT.split(' ');
    const overlapping = { type: 'answer', answer: { text: words.slice(35).join(' ') } } as const;
    await start(chain(CUT, overlapping, {}));
    expect((await streamed()).read.text).toBe(SCRIPTED_TEXT);
  });

  it('is translated where the next model speaks another dialect', async () => {
    await start(chain(CUT, CONTINUE, { dialect: 'gemini', capabilities: PREFILL }));
    const { read } = await streamed();
    expect(read.text).toBe(SCRIPTED_TEXT);
    expect(read.finish).toBe('stop');
  });
});

describe('wherever a stream is cut', () => {
  it.each([
    ['prefill', PREFILL],
    ['continue', {}],
  ] as const)('the %s rung makes it whole, without a word lost or said twice', async (rung, capabilities) => {
    const { upstream } = await start(chain(CUT, CONTINUE, { capabilities }));
    for (let after = 1; after <= 60; after += 1) {
      upstream('first').setScript({ type: 'cut', after });
      const { read, result } = await streamed();
      expect([after, read.error, read.text]).toEqual([after, undefined, SCRIPTED_TEXT]);
      expect(result.outcome).toBe('rescued');
      // Where all was said but the end, the model adds nothing, and only saying it all again proves that nothing is missing.
      expect(read.frames.find((frame) => frame.segment)?.segment?.rung).toBe(after < 60 ? rung : 'anew');
    }
  });
});

describe('every other break after the first content', () => {
  it.each([
    ['a stall', { type: 'stall', after: 40 }, 'stream-stalled'],
    ['a malformed event', { type: 'malformed', after: 40 }, 'stream-malformed'],
    [
      'an end without a finish marker',
      { type: 'no-finish', answer: { text: SCRIPTED_TEXT.slice(0, 200) } },
      'stream-unfinished',
    ],
    ['an error event', { type: 'error-event', after: 40 }, 'server-error'],
  ] as const)('%s is rescued', async (_name, behaviour, reason) => {
    const { upstream } = await start({
      ...chain(behaviour),
      settings: { timeouts: { gap: '150ms' } },
    });
    const { read, result } = await streamed();
    expect(read.error).toBeUndefined();
    expect(read.text).toBe(SCRIPTED_TEXT);
    expect(read.frames.find((frame) => frame.segment)?.segment?.reason).toBe(reason);
    expect(result.attempts[0]?.outcome).toBe(reason);
    if (reason === 'stream-stalled') await upstream('first').waitForClose(0);
  });

  it('passes on what came whole before a malformed event', async () => {
    await start({
      models: { first: { script: { type: 'malformed', after: 40 } } },
      settings: { models: { retry_policy: { max_attempts: 1 } } },
    });
    const { read } = await streamed();
    interrupted(read);
    expect(read.text.trim().split(' ')).toHaveLength(40);
  });

  it('is told honestly where no rung works', async () => {
    await start({
      ...chain(CUT, status(500)),
      settings: { models: { retry_policy: { max_attempts: 2 } } },
    });
    const { read, result } = await streamed();
    const error = interrupted(read);
    expect(error.message).toBe('The answer of first:m broke off (stream-cut) and no model could go on');
    expect(error.attempts.map(({ target, outcome }) => [target, outcome])).toEqual([
      ['first:m', 'stream-cut'],
      ['second:m', 'server-error'],
      ['second:m', 'server-error'],
    ]);
    expect(result).toMatchObject({
      outcome: 'interrupted',
      end: 'cut',
      spans: [{ target: 'first:m', length: read.text.length }],
    });
  });
});

describe('what is never continued', () => {
  it('a half-sent tool call', async () => {
    const toolCalls = [{ name: 'lookup', arguments: ['{"city":', '"Berlin"}'] }];
    await start(chain({ type: 'cut', after: 3, answer: { text: ['Wait. '], toolCalls } }));
    interrupted((await streamed()).read);
    expect(requests('first', 'second')).toEqual([1, 0]);
  });

  it('an answer after a whole tool call', async () => {
    const toolCalls = [{ name: 'lookup', arguments: '{}' }];
    await start(chain({ type: 'no-finish', answer: { toolCalls } }));
    interrupted((await streamed()).read);
    expect(requests('first', 'second')).toEqual([1, 0]);
  });

  it('one of several answers at once', async () => {
    await start(chain(CUT));
    interrupted((await streamed({ body: { n: 2 } })).read);
    expect(requests('first', 'second')).toEqual([1, 0]);
  });

  it('a refusal', async () => {
    await start(chain({ type: 'cut', after: 2, answer: { refusal: ['I can ', 'not ', 'do that.'] } }));
    interrupted((await streamed()).read);
    expect(requests('first', 'second')).toEqual([1, 0]);
  });

  it('a refusal by the content filter', async () => {
    await start(
      chain({ type: 'error-event', after: 10, error: { status: 400, type: 'content_filter', code: 'content_filter' } }),
    );
    const error = interrupted((await streamed()).read);
    expect(error.attempts.map(({ outcome }) => outcome)).toEqual(['content-filtered']);
    expect(requests('first', 'second')).toEqual([1, 0]);
  });
});

describe('an answer in JSON that breaks off', () => {
  const json = { type: 'cut', after: 2, answer: { text: ['{"city":', ' "Ber', 'lin"}'] } } as const;
  const body = { response_format: { type: 'json_object' } };

  it('is continued by a prefill without the form, and the whole is JSON', async () => {
    const { upstream } = await start(chain(json, { type: 'answer', answer: { text: 'lin"}' } }));
    const { read } = await streamed({ body });
    expect(read.error).toBeUndefined();
    expect(read.text).toBe('{"city": "Berlin"}');
    expect(upstream('second').requests[0]?.body['response_format']).toBeUndefined();
  });

  it('is never given out as whole where the halves do not fit', async () => {
    await start(chain(json, { type: 'answer', answer: { text: '{"town": "Berlin"}' } }));
    interrupted((await streamed({ body })).read);
  });

  it('is not asked to go on in a user turn, which would begin another object', async () => {
    const { upstream } = await start(chain(json, { type: 'answer', answer: { text: '{"city": "Berlin"}' } }, {}));
    const { read } = await streamed({ body });
    expect(read.error).toBeUndefined();
    expect(read.text).toBe('{"city": "Berlin"}');
    expect(read.frames.find((frame) => frame.segment)?.segment?.rung).toBe('anew');
    expect(upstream('second').requests).toHaveLength(1);
    expect(upstream('second').requests[0]?.body['response_format']).toEqual({ type: 'json_object' });
  });
});

describe('what was only thought', () => {
  it('is kept, and the next model answers anew', async () => {
    const reasoning = ['First ', 'this, ', 'then '];
    await start(
      chain({ type: 'cut', after: 2, answer: { reasoning } }, { type: 'answer', answer: { reasoning, text: 'Done.' } }),
    );
    const { read, result } = await streamed();
    expect(read.error).toBeUndefined();
    expect(read.text).toBe('Done.');
    const thought = read.parts.map((part) => (part.type === 'reasoning-delta' ? part.text : '')).join('');
    expect(thought).toBe('First this, ');
    expect(read.frames.find((frame) => frame.segment)?.segment).toMatchObject({ rung: 'anew', replaces: false });
    expect(result.spans).toEqual([
      { target: 'first:m', length: 0 },
      { target: 'second:m', length: 5 },
    ]);
  });
});

describe('usage of a rescued answer', () => {
  it('is the sum of what the models that wrote it used, and costs what each of them costs', async () => {
    const price = (input: number, output: number) => ({ input, output, cachedInput: 0, cacheWrite: 0 });
    const usage = { inputTokens: 100, outputTokens: 20 };
    const { attempts } = await start({
      models: {
        first: { script: CUT, price: price(1, 2) },
        second: { script: { ...CONTINUE, answer: { usage } }, capabilities: PREFILL, price: price(10, 20) },
      },
    });
    const { read, result } = await streamed();
    const [first, second] = attempts;
    expect(second?.usage).toMatchObject({ ...usage, source: 'provider' });
    expect(first?.usage?.source).toBe('estimated');
    expect(first?.usage?.outputTokens).toBeGreaterThan(40);
    expect(result.usage).toMatchObject({
      inputTokens: (first?.usage?.inputTokens ?? 0) + 100,
      outputTokens: (first?.usage?.outputTokens ?? 0) + 20,
      source: 'estimated',
    });
    expect(second?.costMicros).toBe(100 * 10 + 20 * 20);
    expect(result.costMicros).toBe((first?.costMicros ?? 0) + 1_400);
    expect(read.parts.at(-2)).toEqual({ type: 'usage', usage: result.usage });
  });
});

describe('the request for the rest', () => {
  it('leaves room only for what the first model has not used', async () => {
    const { upstream } = await start(chain(CUT));
    await streamed({ body: { max_tokens: 500 } });
    const { max_tokens, max_completion_tokens } = upstream('second').requests[0]?.body ?? {};
    const asked = max_tokens ?? max_completion_tokens;
    expect(asked).toBeLessThan(500 - 50);
    expect(asked).toBeGreaterThan(300);
  });
});
