import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { setTimeout as wait } from 'node:timers/promises';
import {
  JobTraces,
  openTracing,
  RequestTraces,
  type TracedAttempt,
  type TracedRequest,
  type Tracing,
} from '../src/index.js';
import { OtlpReceiver, type ReceivedSpan } from './otlp-receiver.js';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const CALLER = '00f067aa0ba902b7';

let collector: OtlpReceiver;
let open: Tracing[];
let dropped: { count: number; reason: string }[];
let events: string[];

beforeEach(async () => {
  collector = new OtlpReceiver();
  await collector.start();
  open = [];
  dropped = [];
  events = [];
});

afterEach(async () => {
  await Promise.all(open.map(async (tracing) => tracing.close()));
  await collector.stop();
});

async function openTraces(
  options: {
    sampleRatio?: number;
    propagateTo?: string[];
    endpoint?: string;
    headers?: Record<string, string> | undefined;
  } = {},
): Promise<{ tracing: Tracing; traces: RequestTraces; jobs: JobTraces }> {
  const tracing = await openTracing({
    endpoint: options.endpoint ?? collector.endpoint,
    headers: { 'x-team': 'ours', ...options.headers },
    sampleRatio: options.sampleRatio ?? 1,
    serviceName: 'moltbot',
    resource: { 'service.version': '1.2.3', 'moltbot.role': 'primary', absent: undefined },
    onDrop: (count, reason) => dropped.push({ count, reason }),
    onLost: () => events.push('lost'),
    onBack: () => events.push('back'),
  });
  open.push(tracing);
  const propagateTo = () => options.propagateTo ?? [];
  return {
    tracing,
    traces: new RequestTraces({ tracing, propagateTo }),
    jobs: new JobTraces({ tracing, propagateTo }),
  };
}

const attempt = (changes: Partial<TracedAttempt> = {}): TracedAttempt => ({
  requestId: 'req_1',
  index: 0,
  startedAt: 1_700_000_000_100,
  durationMs: 300,
  provider: 'openai',
  model: 'gpt-4-turbo',
  operation: 'chat',
  credential: 'openai',
  outcome: 'ok',
  role: 'answer',
  ...changes,
});

const request = (changes: Partial<TracedRequest> = {}): TracedRequest => ({
  requestId: 'req_1',
  startedAt: 1_700_000_000_000,
  durationMs: 500,
  operation: 'chat',
  dialect: 'openai-chat',
  chain: 'default',
  stream: true,
  outcome: 'complete',
  servedBy: 'gemini:pro',
  attempts: 2,
  ...changes,
});

const turn = async (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

/** By the number in its name or attributes. */
const find = (name: string): ReceivedSpan => {
  const span = collector.spans.find((candidate) => candidate.name === name);
  if (span === undefined) throw new Error(`no span ${name} among ${collector.spans.map((one) => one.name).join(', ')}`);
  return span;
};

describe('traces', () => {
  it('tell of a request and each of its attempts, within the caller’s trace and in the words of the conventions', async () => {
    const { tracing, traces } = await openTraces();
    traces.began('req_1', `00-${TRACE}-${CALLER}-01`);
    traces.attempt(attempt({ outcome: 'server-error', status: 503 }));
    traces.fallback({ requestId: 'req_1', from: 'openai:gpt-4-turbo', to: 'gemini:pro', reason: 'server-error' });
    traces.rescue({ requestId: 'req_1', rung: 'prefill', outcome: 'joined' });
    traces.ended(
      request({
        outcome: 'rescued',
        usage: { inputTokens: 12, outputTokens: 34, cachedInputTokens: 5, reasoningTokens: 6 },
      }),
    );
    // One that lost ends after the request has.
    traces.attempt(
      attempt({
        index: 1,
        provider: 'gemini',
        model: 'pro',
        firstContentMs: 40,
        finishReason: 'stop',
        usage: { inputTokens: 12, outputTokens: 34 },
      }),
    );
    await turn();
    await tracing.close();

    const server = find('chat default');
    expect(server).toMatchObject({
      traceId: TRACE,
      parentSpanId: CALLER,
      kind: 2,
      startMs: 1_700_000_000_000,
      endMs: 1_700_000_000_500,
      failed: false,
      resource: { 'service.name': 'moltbot', 'service.version': '1.2.3', 'moltbot.role': 'primary' },
      attributes: {
        'gen_ai.operation.name': 'chat',
        'gen_ai.provider.name': 'gcp.gemini',
        'gen_ai.response.model': 'pro',
        'gen_ai.usage.input_tokens': 12,
        'gen_ai.usage.output_tokens': 34,
        'gen_ai.usage.cache_read.input_tokens': 5,
        'gen_ai.usage.reasoning.output_tokens': 6,
        'moltbot.request.id': 'req_1',
        'moltbot.outcome': 'rescued',
        'moltbot.stream': true,
        'moltbot.attempts': 2,
      },
      events: [
        { name: 'fallback', attributes: { 'moltbot.from': 'openai:gpt-4-turbo', 'moltbot.reason': 'server-error' } },
        { name: 'rescue', attributes: { 'moltbot.rung': 'prefill', 'moltbot.outcome': 'joined' } },
      ],
    });
    expect(find('chat gpt-4-turbo')).toMatchObject({
      traceId: TRACE,
      parentSpanId: server.spanId,
      kind: 3,
      failed: true,
      attributes: {
        'gen_ai.provider.name': 'openai',
        'gen_ai.request.model': 'gpt-4-turbo',
        'error.type': 'server-error',
        'http.response.status_code': 503,
        'moltbot.attempt.index': 0,
      },
    });
    expect(find('chat pro')).toMatchObject({
      parentSpanId: server.spanId,
      failed: false,
      attributes: { 'gen_ai.response.finish_reasons': ['stop'], 'gen_ai.response.time_to_first_chunk': 0.04 },
    });
    expect(new Set(collector.spans.map(({ spanId }) => spanId)).size).toBe(3);
    expect(collector.headers[0]).toMatchObject({ 'x-team': 'ours', 'content-type': 'application/json' });
    expect(dropped).toEqual([]);
  });

  it('say why a request failed', async () => {
    const { tracing, traces } = await openTraces();
    traces.began('req_1', undefined);
    traces.ended(request({ outcome: 'failed', errorCode: 'provider_unavailable', servedBy: undefined, chain: '' }));
    await turn();
    await tracing.close();
    expect(find('chat')).toMatchObject({
      parentSpanId: '',
      failed: true,
      attributes: { 'error.type': 'provider_unavailable' },
    });
  });

  it('are kept where the caller keeps its own, else by the ratio, the same part for all', async () => {
    const { tracing, traces } = await openTraces({ sampleRatio: 0.25 });
    traces.began('kept', `00-${TRACE}-${CALLER}-01`);
    traces.began('not-kept', `00-${TRACE}-${CALLER}-00`);
    for (const requestId of ['kept', 'not-kept']) traces.ended(request({ requestId, chain: requestId }));
    let kept = 0;
    for (let index = 0; index < 4_000; index += 1) if (tracing.start(undefined).sampled) kept += 1;
    expect(kept).toBeGreaterThan(800);
    expect(kept).toBeLessThan(1_200);
    const child = tracing.start(tracing.start({ traceId: TRACE, spanId: CALLER, sampled: false }));
    expect(child).toMatchObject({ traceId: TRACE, sampled: false });
    await turn();
    await tracing.close();
    expect(collector.spans.map(({ name }) => name)).toEqual(['chat kept']);
  });

  it('tell a provider of the attempt that calls it, but only one that is to be told', async () => {
    const { tracing, traces } = await openTraces({ propagateTo: ['vllm'] });
    traces.began('req_1', `00-${TRACE}-${CALLER}-01`);
    const call = { requestId: 'req_1', index: 1 };
    expect(traces.traceparent({ ...call, provider: 'openai' })).toBeUndefined();
    expect(traces.traceparent({ ...call, requestId: 'unknown', provider: 'vllm' })).toBeUndefined();
    const told = traces.traceparent({ ...call, provider: 'vllm' });
    traces.attempt(attempt({ index: 1, provider: 'vllm', model: 'own' }));
    traces.ended(request());
    await turn();
    await tracing.close();
    expect(told).toBe(`00-${TRACE}-${find('chat own').spanId}-01`);
  });

  it('join a job to the request that submitted it, and the job’s own requests to the job', async () => {
    const { tracing, jobs } = await openTraces();
    const job = { name: 'batch', id: 'batch-1', queue: 'batches', attempt: 2, traceparent: `00-${TRACE}-${CALLER}-01` };
    await jobs.run(
      job,
      async () => {
        await wait(1);
        jobs.requests.attempt(attempt({ requestId: 'line', model: 'counted' }));
        jobs.requests.ended(request({ requestId: 'line', chain: 'line' }));
        jobs.requests.attempt(attempt({ requestId: 'bare', model: 'bare' }));
      },
      String,
    );
    const failure = jobs.run(
      { ...job, name: 'warmup' },
      async () => Promise.reject(new Error('x')),
      () => 'the_code',
    );
    await expect(failure).rejects.toThrow('x');
    // Outside of a job nothing is known of a request.
    jobs.requests.attempt(attempt({ requestId: 'stray', model: 'stray' }));
    await turn();
    await tracing.close();
    const span = find('process batch');
    expect(span).toMatchObject({
      traceId: TRACE,
      parentSpanId: CALLER,
      kind: 5,
      attributes: {
        'messaging.message.id': 'batch-1',
        'messaging.destination.name': 'batches',
        'moltbot.job.attempt': 2,
      },
    });
    expect(find('chat line').parentSpanId).toBe(span.spanId);
    expect(find('chat counted').parentSpanId).toBe(find('chat line').spanId);
    expect(find('chat bare').parentSpanId).toBe(span.spanId);
    expect(find('process warmup')).toMatchObject({ failed: true, attributes: { 'error.type': 'the_code' } });
    expect(collector.spans).toHaveLength(5);
  });

  it('are dropped and counted beyond a bound while the collector is dead, and never waited for', async () => {
    collector.answers = 0;
    const { tracing } = await openTraces();
    const facts = { name: 'x', kind: 'server', startedAt: 0, durationMs: 1, attributes: {} } as const;
    for (let index = 0; index < 10_000; index += 1) tracing.end(tracing.start(undefined), facts);
    const full = dropped.filter(({ reason }) => reason === 'full').length;
    expect(full).toBe(10_000 - 4_096);
    const began = performance.now();
    await tracing.close();
    expect(performance.now() - began).toBeLessThan(15_000);
    const sum = dropped.reduce((total, { count }) => total + count, 0);
    expect(sum).toBe(10_000);
  });

  it('wait for a collector that is away for a while', async () => {
    collector.answers = 503;
    const { tracing } = await openTraces();
    const facts = { name: 'x', kind: 'server', startedAt: 0, durationMs: 1, attributes: {} } as const;
    for (let index = 0; index < 600; index += 1) tracing.end(tracing.start(undefined), facts);
    while (events.length === 0) await wait(10);
    collector.answers = 200;
    await tracing.close();
    expect(collector.spans).toHaveLength(600);
    expect({ dropped, events }).toEqual({ dropped: [], events: ['lost', 'back'] });
  });

  it('tell once that the collector refuses, and once that it takes spans again', async () => {
    collector.answers = 400;
    const { tracing } = await openTraces();
    const facts = { name: 'x', kind: 'server', startedAt: 0, durationMs: 1, attributes: {} } as const;
    const send = (count: number): void => {
      for (let index = 0; index < count; index += 1) tracing.end(tracing.start(undefined), facts);
    };
    send(512);
    while (events.length === 0) await wait(10);
    expect(dropped).toEqual([{ count: 512, reason: 'failed' }]);
    collector.answers = 200;
    send(3);
    await tracing.close();
    expect(events).toEqual(['lost', 'back']);
    expect(collector.spans).toHaveLength(3);
  });

  it('say the login that stands in the collector’s address as one, where no header does', async () => {
    const endpoint = collector.endpoint.replace('//', '//me:p%40ss@');
    const facts = { name: 'x', kind: 'server', startedAt: 0, durationMs: 1, attributes: {} } as const;
    for (const headers of [undefined, { Authorization: 'Bearer other' }]) {
      const { tracing } = await openTraces({ endpoint, headers });
      tracing.end(tracing.start(undefined), facts);
      await tracing.close();
    }
    expect(collector.headers.map(({ authorization }) => authorization)).toEqual([
      `Basic ${Buffer.from('me:p@ss').toString('base64')}`,
      'Bearer other',
    ]);
    expect({ dropped, events }).toEqual({ dropped: [], events: [] });
  });
});
