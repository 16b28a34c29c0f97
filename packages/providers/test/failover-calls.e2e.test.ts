import { afterEach, describe, expect, it } from '@jest/globals';
import type { JsonObject } from '../src/caller-request.js';
import { failureOf, type Rig, type RigOptions, readStream, startRig } from './failover-rig.js';

/** What is sent to an upstream, and the calls that are no chat. */

let rig: Rig;
async function start(options: RigOptions): Promise<Rig> {
  rig = await startRig(options);
  return rig;
}
afterEach(async () => {
  await rig.close();
});

const ANSWER = { type: 'answer' } as const;
const status = (code: number) => ({ type: 'status', status: code }) as const;

describe('a request to an upstream', () => {
  it('holds the caller’s own bytes where the dialects agree, with only the model rewritten', async () => {
    const { engine, call, upstream } = await start({ models: { first: { script: ANSWER } } });
    await engine.answer(call({ body: { something_new: { kept: true }, models: ['x'] } }));
    const { body, path } = upstream('first').requests[0] ?? { body: {}, path: '' };
    expect(path).toBe('/v1/chat/completions');
    expect(body).toEqual({
      model: 'm-upstream',
      messages: [{ role: 'user', content: 'What is this?' }],
      something_new: { kept: true },
    });
  });

  it('is translated where they do not, and names what was dropped', async () => {
    const { engine, call, upstream } = await start({ models: { first: { script: ANSWER, dialect: 'gemini' } } });
    const served = await engine.answer(call({ body: { logit_bias: { 5: 1 } } }));
    expect(served.sameDialect).toBe(false);
    expect(served.dropped).toContain('logit_bias');
    expect(upstream('first').requests[0]?.dialect).toBe('gemini');
    expect(served.answer.answer().content[0]).toMatchObject({ type: 'text' });
  });

  it('carries the credential, the configured headers and query, and the caller’s headers where the dialects agree', async () => {
    const { engine, call, upstream } = await start({
      models: {
        first: {
          script: status(500),
          credentials: ['first'],
          provider: { headers: { 'X-Team': 'blue' }, query: { 'api-version': '1' } },
        },
        second: { script: status(500), dialect: 'anthropic-messages' },
        third: { script: ANSWER },
      },
      settings: { models: { retry_policy: { max_attempts: 1 } } },
    });
    await engine.answer({
      ...call(),
      headers: { 'openai-beta': 'x=1', 'x-team': 'red', authorization: 'Bearer stolen' },
    });
    const first = upstream('first').requests[0];
    expect(first?.path).toBe('/v1/chat/completions?api-version=1');
    expect(first?.headers).toMatchObject({
      authorization: 'Bearer key-of-first',
      'x-team': 'blue',
      'openai-beta': 'x=1',
      'content-type': 'application/json',
      accept: 'application/json',
    });
    const second = upstream('second').requests[0];
    expect(second?.headers['anthropic-version']).toBeDefined();
    expect(second?.headers['openai-beta']).toBeUndefined();
    // Of the caller's own credential nothing goes on, also where the provider needs none.
    for (const name of ['second', 'third']) {
      expect(upstream(name).requests[0]?.headers['authorization']).toBeUndefined();
    }
  });

  it('asks for usage at the end of a stream, and for an event stream', async () => {
    const { engine, call, upstream } = await start({ models: { first: { script: ANSWER } } });
    await readStream(await engine.stream(call({ stream: true })));
    const first = upstream('first').requests[0];
    expect(first?.headers.accept).toBe('text/event-stream');
    expect(first?.body).toMatchObject({ stream: true, stream_options: { include_usage: true } });
  });

  it('is not sent to a model that takes no images or tools, where the request has them', async () => {
    const { engine, call } = await start({
      models: {
        blind: { script: ANSWER, capabilities: { images: false } },
        handless: { script: ANSWER, capabilities: { tools: false } },
        able: { script: ANSWER },
      },
    });
    const image: JsonObject = {
      messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } }] }],
    };
    const tools: JsonObject = {
      tools: [{ type: 'function', function: { name: 'f', parameters: { type: 'object' } } }],
    };
    expect((await engine.answer(call({ body: image }))).model.ref).toBe('handless:m');
    expect((await engine.answer(call({ body: tools }))).model.ref).toBe('blind:m');
    const both = await engine.answer(call({ body: { ...image, ...tools } }));
    expect(both.model.ref).toBe('able:m');
    expect(both.fallback).toEqual({ from: 'blind:m', to: 'able:m', reason: 'unfit' });
    expect(both.attempts).toHaveLength(1);
    const alone = call({ body: image, plan: rig.planOf('blind') });
    expect(await failureOf(engine.answer(alone))).toMatchObject({
      code: 'invalid_request',
      http: 400,
      message: 'blind:m takes no images',
    });
  });

  it('is not taken for too long because of its images', async () => {
    const { engine, call } = await start({
      models: { first: { script: ANSWER, capabilities: { contextWindow: 1_000 } } },
    });
    const url = `data:image/png;base64,${'A'.repeat(100_000)}`;
    const content = [{ type: 'image_url', image_url: { url } }];
    expect((await engine.answer(call({ body: { messages: [{ role: 'user', content }] } }))).model.ref).toBe('first:m');
  });

  it('that is wrong, and has to be translated to be sent, is told so before anything is sent', async () => {
    const { engine, call, upstream, attempts } = await start({
      models: { first: { script: ANSWER, dialect: 'gemini' }, second: { script: ANSWER } },
    });
    const error = await failureOf(engine.answer(call({ body: { messages: [{ role: 'nobody', content: 1 }] } })));
    expect(error).toMatchObject({ code: 'invalid_request', http: 400 });
    expect(error.param).toContain('messages.0');
    expect([upstream('first').requests.length, upstream('second').requests.length]).toEqual([0, 0]);
    expect(attempts).toEqual([]);
  });
});

describe('the ledger', () => {
  it('gets a record of every attempt, with its usage and what it cost', async () => {
    const { engine, call, attempts } = await start({
      models: {
        first: { script: status(503), credentials: ['first'] },
        second: {
          script: { type: 'answer', answer: { usage: { inputTokens: 7, outputTokens: 3 } } },
          price: { input: 2, output: 4, cachedInput: 0, cacheWrite: 0 },
        },
      },
    });
    const served = await engine.answer(call());
    expect(served).toMatchObject({ costMicros: 26, usage: { inputTokens: 7, outputTokens: 3, source: 'provider' } });
    expect(attempts).toMatchObject([
      {
        index: 0,
        provider: 'first',
        model: 'm',
        credential: 'first',
        outcome: 'overloaded',
        status: 503,
        role: 'answer',
      },
      { index: 1, provider: 'first', outcome: 'overloaded' },
      { index: 2, provider: 'second', credential: 'none', outcome: 'ok', status: 200, costMicros: 26 },
    ]);
    expect(attempts.every(({ startedAt, durationMs }) => startedAt > 1.7e12 && durationMs >= 0)).toBe(true);
    expect(attempts[0]?.usage).toBeUndefined();
  });

  it('gets the time to the first content of a stream', async () => {
    const { engine, call, attempts } = await start({
      models: { first: { script: { type: 'slow-first-content', delayMs: 80, intervalMs: 2 } } },
    });
    await readStream(await engine.stream(call({ stream: true })));
    const [record] = attempts;
    expect(record?.firstContentMs).toBeGreaterThanOrEqual(79);
    expect(record?.durationMs).toBeGreaterThan(record?.firstContentMs ?? Number.POSITIVE_INFINITY);
  });
});

describe('embeddings', () => {
  const embed = (input: string): Parameters<Rig['engine']['embed']>[0] => {
    const value = { model: 'default', input };
    return {
      requestId: 'embed',
      value,
      bytes: Buffer.from(JSON.stringify(value)),
      encoding: 'float',
      plan: rig.plan,
      signal: new AbortController().signal,
    };
  };

  it('come from the first model of the chain that gives them and answers', async () => {
    const { upstream } = await start({
      models: {
        none: { script: ANSWER, dialect: 'anthropic-messages' },
        broken: { script: status(500) },
        works: { script: ANSWER },
      },
    });
    const served = await rig.engine.embed(embed('hello'));
    expect(served.model.ref).toBe('works:m');
    expect(JSON.parse(served.bytes.toString('utf8'))).toMatchObject({ object: 'list' });
    expect(served.usage).toMatchObject({ source: 'provider' });
    expect(upstream('none').requests).toHaveLength(0);
    expect(upstream('works').requests[0]).toMatchObject({ path: '/v1/embeddings', body: { model: 'm-upstream' } });
  });

  it('that are not there do not close a model for chat', async () => {
    await start({
      models: { first: { script: ({ operation }) => (operation === 'embeddings' ? status(404) : ANSWER) } },
    });
    expect(await failureOf(rig.engine.embed(embed('hello')))).toMatchObject({ code: 'upstream_error' });
    expect((await rig.engine.answer(rig.call())).model.ref).toBe('first:m');
  });

  it('are refused where no model gives them', async () => {
    await start({ models: { none: { script: ANSWER, dialect: 'anthropic-messages' } } });
    expect(await failureOf(rig.engine.embed(embed('hello')))).toMatchObject({
      code: 'invalid_request',
      message: 'none:m gives no embeddings',
    });
  });
});

describe('counting tokens', () => {
  it('asks the first model that counts', async () => {
    const { engine, call } = await start({
      models: { first: { script: ANSWER }, second: { script: ANSWER, dialect: 'anthropic-messages' } },
    });
    const counted = await engine.countTokens(call());
    expect(counted).toMatchObject({ source: 'provider', served: { model: { ref: 'second:m' } } });
    expect(counted.inputTokens).toBeGreaterThan(0);
  });

  it('estimates where nobody counts, or where that fails', async () => {
    const { engine, call } = await start({
      models: { first: { script: ANSWER }, second: { script: status(500), dialect: 'anthropic-messages' } },
    });
    const text = 'x'.repeat(400);
    const estimated = { inputTokens: 100, source: 'estimated', served: undefined };
    expect(await engine.countTokens(call({ text, plan: rig.planOf('first') }))).toEqual(estimated);
    expect(await engine.countTokens(call({ text }))).toEqual(estimated);
  });

  it('does not wait long for a count', async () => {
    const { engine, call } = await start({
      models: { first: { script: { type: 'silence' }, dialect: 'anthropic-messages' } },
      settings: { timeouts: { headers: '100ms', answer: '30s' } },
    });
    const startedAt = performance.now();
    expect(await engine.countTokens(call())).toMatchObject({ source: 'estimated' });
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });

  it('refuses a request that is wrong', async () => {
    const { engine, call } = await start({ models: { first: { script: ANSWER } } });
    const wrong = call({ body: { messages: 'none' } });
    expect(await failureOf(engine.countTokens(wrong))).toMatchObject({ code: 'invalid_request' });
  });
});
