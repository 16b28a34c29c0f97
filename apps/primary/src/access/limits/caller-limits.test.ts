import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import type { Admission, AdmissionAnswer, AdmissionAsk, Refusal } from '@moltbot/auth';
import type { KeyLimits, Settings } from '@moltbot/config';
import { type AttemptRecord, MoltbotError, type RequestRecord } from '@moltbot/contracts';
import { type ChainPlan, type Model, openAiChatDoor } from '@moltbot/providers';
import { Exchange } from '../../chat/exchange.js';
import { createCallerLimits } from './caller-limits.js';

const price = { input: 2, output: 10, cachedInput: 2, cacheWrite: 2 };
const model = (ref: string): Model => ({ ref, price, capabilities: {} }) as unknown as Model;
const plan = {
  models: [model('a:model')],
  policyPlan: () => ({ models: [model('b:careful')] }),
  timeouts: { total: 600_000 },
} as unknown as ChainPlan;
const size = { inputTokens: 25, inputBound: 100, outputLimit: 50, isNewWord: false, choices: 1, isOneText: true };
/** 100 tokens in and 50 out at most. */
const WORST = 700n;
const standing = { requests: undefined, tokens: undefined, budgetRemainingMicros: 5_000_000n };

function setUp(options: { limits?: KeyLimits; stream?: boolean; unpriced?: boolean } = {}) {
  const asks: AdmissionAsk[] = [];
  const settled: { tokens: number; costMicros: bigint }[] = [];
  const more: bigint[] = [];
  const state = {
    answer: undefined as Promise<AdmissionAnswer> | undefined,
    more: (): Promise<Refusal | undefined> => Promise.resolve(undefined),
    unpriced: 0,
  };
  const admission: Admission = {
    admitted: true,
    standing,
    reservedMicros: WORST,
    reserveMore: (micros) => {
      more.push(micros);
      return state.more();
    },
    settle: (used) => settled.push(used),
  };
  const limiter = {
    admit: (ask: AdmissionAsk) => {
      asks.push(ask);
      return state.answer ?? admission;
    },
  };
  const limits = createCallerLimits({
    limiter,
    settings: () => ({ limits: { assumed_output_tokens: 1_000, unpriced_models: 'refuse' } }) as Settings,
    onUnpriced: () => {
      state.unpriced += 1;
    },
  });
  const response = Object.assign(new EventEmitter(), { writableFinished: false }) as unknown as ServerResponse;
  const records: RequestRecord[] = [];
  const exchange = new Exchange({
    requestId: 'req_1',
    door: openAiChatDoor,
    operation: 'chat',
    response,
    onEnd: (record) => {
      records.push(record);
      limits.ended(exchange);
    },
  });
  exchange.stream = options.stream ?? false;
  exchange.identity = {
    keyId: 'key_a',
    name: 'a',
    scopes: ['chat'],
    models: undefined,
    limits: 'limits' in options ? options.limits : { budget_per_day: 5 },
  };
  const observer = limits.observe({});
  const attempt = (changes: Partial<AttemptRecord>): void =>
    observer.attempt?.({
      requestId: 'req_1',
      index: 0,
      startedAt: 0,
      provider: 'a',
      model: 'model',
      credential: 'a',
      outcome: 'ok',
      durationMs: 1,
      role: 'answer',
      ...changes,
    });
  const usage = (inputTokens: number, outputTokens: number) => ({
    inputTokens,
    outputTokens,
    source: 'provider' as const,
  });
  return { limits, asks, settled, more, state, admission, exchange, attempt, usage };
}

describe('the limits of a caller', () => {
  it('ask for the worst case and settle the sum of all attempts, once', async () => {
    const { limits, asks, settled, exchange, attempt, usage } = setUp();
    await limits.admit({ exchange, plan, size });
    expect(asks).toEqual([
      { keyId: 'key_a', limits: { budget_per_day: 5 }, tokens: 75, worstCaseMicros: WORST, lapseAfterMs: 900_000 },
    ]);
    expect(exchange.limitHeaders).toEqual(['x-moltbot-budget-remaining', '5.000000']);
    attempt({ outcome: 'overloaded' });
    attempt({ outcome: 'stream-cut', usage: usage(20, 4), costMicros: 80 });
    attempt({ usage: usage(24, 40), costMicros: 448 });
    attempt({ requestId: 'req_other', usage: usage(1, 1), costMicros: 1_000 });
    exchange.end({ outcome: 'rescued' });
    exchange.end({ outcome: 'failed' });
    attempt({ usage: usage(1, 1), costMicros: 1_000 });
    expect(settled).toEqual([{ tokens: 88, costMicros: 528n }]);
  });

  it('are no matter for those who have none', () => {
    const { limits, asks, exchange } = setUp({ limits: undefined });
    expect(limits.admit({ exchange, plan, size })).toBeUndefined();
    expect(asks).toEqual([]);
    exchange.end({ outcome: 'complete' });
  });

  it('give back what came after the caller had gone', async () => {
    const { limits, state, admission, settled, exchange } = setUp();
    state.answer = new Promise((resolve) => {
      setImmediate(() => resolve(admission));
    });
    const admitted = limits.admit({ exchange, plan, size });
    exchange.end({ outcome: 'cancelled' });
    await expect(admitted).rejects.toMatchObject({ code: 'client_closed' });
    expect(settled).toEqual([{ tokens: 0, costMicros: 0n }]);
  });

  it('take what nobody counted by what is known of it', async () => {
    const cases = [
      { stream: true, record: { outcome: 'cancelled', durationMs: 0 }, costMicros: 50n },
      {
        stream: true,
        record: { outcome: 'cancelled', durationMs: 0, provider: 'b', model: 'careful' },
        costMicros: 50n,
      },
      // A model that thinks first has written meanwhile; more than was set aside it can't have cost.
      { stream: true, record: { outcome: 'cancelled', durationMs: 1e9 }, costMicros: WORST },
      { stream: false, record: { outcome: 'cancelled' }, costMicros: WORST },
      { stream: false, record: { outcome: 'ok' }, costMicros: 50n },
    ];
    for (const { stream, record, costMicros } of cases) {
      const { limits, settled, exchange, attempt } = setUp({ stream });
      await limits.admit({ exchange, plan, size });
      attempt(record);
      exchange.end({ outcome: 'cancelled' });
      expect(settled).toEqual([{ tokens: 25, costMicros }]);
    }
    for (const outcome of ['response-timeout', 'server-error', 'unreachable', 'rate-limited']) {
      const { limits, settled, exchange, attempt } = setUp();
      await limits.admit({ exchange, plan, size });
      attempt({ outcome });
      exchange.end({ outcome: 'failed' });
      expect(settled).toEqual([{ tokens: 0, costMicros: 0n }]);
    }
  });

  it('set more aside before an answer that broke off is gone on with, or end it', async () => {
    const refusal: Refusal = {
      admitted: false,
      code: 'budget_exhausted',
      by: 'day',
      retryAfterMs: 5,
      held: false,
      standing,
    };
    const cases = [
      { more: () => Promise.resolve(undefined), code: undefined },
      { more: () => Promise.resolve(refusal), code: 'budget_exhausted' },
      { more: () => Promise.reject(new MoltbotError('storage_unavailable')), code: 'storage_unavailable' },
      { more: () => Promise.reject(new Error('what nobody foresaw')), code: 'internal_error' },
    ];
    for (const { more, code } of cases) {
      const subject = setUp({ stream: true });
      subject.state.more = more;
      await subject.limits.admit({ exchange: subject.exchange, plan, size });
      subject.attempt({ outcome: 'stream-cut', usage: subject.usage(20, 4), costMicros: 80 });
      // What it cost, and its 4 tokens to be read by the next.
      expect(subject.more).toEqual([88n]);
      await new Promise((resolve) => setImmediate(resolve));
      expect(subject.exchange.signal.aborted).toBe(code !== undefined);
      const ended = subject.exchange.causeOf(new MoltbotError('client_closed'));
      expect(ended.code).toBe(code ?? 'client_closed');
    }
  });

  it('refuse a model without a price by its name', async () => {
    const { limits, state, asks, exchange } = setUp();
    const odd = { ...plan, models: [...plan.models, { ...model('c:odd'), price: undefined }] };
    expect(() => limits.admit({ exchange, plan: odd, size })).toThrow(/c:odd/);
    expect([asks, state.unpriced]).toEqual([[], 1]);
    // Without a budget nobody asks for prices.
    const { limits: others, exchange: other } = setUp({ limits: { requests_per_minute: 5 } });
    await others.admit({ exchange: other, plan: odd, size });
  });
});
