import { describe, expect, it } from '@jest/globals';
import { settingsSchema } from '@moltbot/config';
import { type AttemptRecord, MoltbotError, Secret } from '@moltbot/contracts';
import { createMemoryState } from '@moltbot/state';
import fc from 'fast-check';
import type { CallerRequest } from '../caller-request.js';
import { FAILURE_KINDS, type FailureKind, ProviderError } from '../failure.js';
import type { UpstreamClient } from '../http/upstream.js';
import type { ChainPlan, Model, Provider } from '../target.js';
import type { ChatWire, WholeAnswer } from '../wire.js';
import { FAILURE_TABLE } from './classify.js';
import { createFailoverEngine } from './failover-engine.js';

/** An engine over a client that fails as it is told, without a network: for rules that hold whatever happens. */

const SENT: ReturnType<ChatWire['passRequest']> = { path: '/', body: Buffer.alloc(0), headers: {}, dropped: [] };
const ANSWER: WholeAnswer = {
  bytes: Buffer.from('{}'),
  usage: { inputTokens: 1, outputTokens: 1, source: 'provider' },
  answer: () => ({ content: [], finishReason: 'stop' }),
};

type Outcome = 'ok' | FailureKind;

function createModel(name: string, credentials: number): Model {
  const provider = {
    name,
    kind: 'openai-compatible',
    baseUrl: `http://${name}`,
    settings: { headers: {}, query: {}, stream_usage: true },
    requiresCredential: credentials > 0,
    authHeaders: (token: string) => ({ authorization: token }),
  } as unknown as Provider;
  const chat = { dialect: 'openai-chat', passRequest: () => SENT, fromAnswer: () => ANSWER } as unknown as ChatWire;
  return {
    ref: `${name}:m`,
    provider,
    name: 'm',
    upstreamName: 'm',
    dialect: 'openai-chat',
    chat,
    embeddings: undefined,
    countTokens: undefined,
    capabilities: { images: true, tools: true, prefill: false, contextWindow: undefined, maxOutputTokens: undefined },
    price: undefined,
  };
}

interface Told {
  /** For each model: its credentials, and the outcomes of its calls in order; the last one goes on for ever. */
  readonly models: readonly { readonly credentials: number; readonly outcomes: readonly Outcome[] }[];
  readonly maxAttempts: number;
}

async function run({ models: told, maxAttempts }: Told) {
  const settings = settingsSchema.parse({
    models: { retry_policy: { max_attempts: maxAttempts, initial_backoff: 0 } },
    breaker: { failures: 1_000 },
  });
  const models = told.map(({ credentials }, index) => createModel(`p${index}`, credentials));
  const calls: { readonly model: number; readonly outcome: Outcome }[] = [];
  const client = (index: number): UpstreamClient => ({
    post: async () => {
      const made = calls.filter(({ model }) => model === index).length;
      const outcomes = told[index]?.outcomes ?? [];
      const outcome = outcomes[Math.min(made, outcomes.length - 1)] ?? 'ok';
      calls.push({ model: index, outcome });
      if (outcome !== 'ok') throw new ProviderError(outcome, 'as told', { retryAfterMs: made === 0 ? 1 : undefined });
      return {
        status: 200,
        headers: { 'content-type': 'application/json' },
        next: () => undefined,
        whole: async () => Buffer.from('{}'),
        cancel: () => undefined,
      };
    },
    get: async () => {
      throw new Error('not asked');
    },
    close: async () => undefined,
  });
  const clients = models.map((_, index) => client(index));
  const records: AttemptRecord[] = [];
  const state = createMemoryState();
  const engine = createFailoverEngine({
    clientFor: ({ name }) => {
      const client = clients[Number(name.slice(1))];
      if (client === undefined) throw new Error('no such provider');
      return client;
    },
    vault: {
      credentialsFor: (provider) =>
        Array.from({ length: told[Number(provider.slice(1))]?.credentials ?? 0 }, (_, index) => ({
          id: `${provider}:${index}`,
          provider,
          type: 'api_key' as const,
        })),
      tokenFor: (id) => new Secret(id),
      refreshAfterRejection: async () => false,
    },
    state,
    settings: () => settings,
    observer: { attempt: (record) => records.push(record) },
    random: () => 0,
  });
  const plan: ChainPlan = {
    name: 'default',
    models,
    retryPolicy: settings.models.retry_policy,
    timeouts: settings.timeouts,
    policyChain: undefined,
  };
  const call = {
    requestId: 'r',
    dialect: 'openai-chat',
    bytes: Buffer.alloc(8),
    value: {},
    model: undefined,
    models: undefined,
    streamOptions: undefined,
    stream: false,
    wantsStreamUsage: false,
    estimatedInputTokens: 2,
    request: () => ({ messages: [], unknownFields: [] }),
  } satisfies CallerRequest;
  try {
    const served = await engine.answer({ call, plan, signal: new AbortController().signal });
    return { calls, records, served, error: undefined };
  } catch (error) {
    if (!(error instanceof MoltbotError)) throw error;
    return { calls, records, served: undefined, error };
  } finally {
    engine.close();
    await state.close();
  }
}

const kinds = FAILURE_KINDS.filter((kind) => kind !== 'cancelled');
const told: fc.Arbitrary<Told> = fc.record({
  models: fc.array(
    fc.record({
      credentials: fc.integer({ min: 0, max: 3 }),
      outcomes: fc.array(fc.oneof(fc.constant<Outcome>('ok'), fc.constantFrom<Outcome>(...kinds)), {
        minLength: 1,
        maxLength: 4,
      }),
    }),
    { minLength: 1, maxLength: 4 },
  ),
  maxAttempts: fc.integer({ min: 1, max: 4 }),
});

describe('a request through any chain of any failures', () => {
  it('keeps its budgets, is recorded call by call, and ends as its last call says', async () => {
    await fc.assert(
      fc.asyncProperty(told, async (chain) => {
        const { calls, records, served, error } = await run(chain);
        const targets = chain.models.reduce((sum, { credentials }) => sum + Math.max(1, credentials), 0);
        expect(calls.length).toBeLessThanOrEqual(targets + chain.maxAttempts - 1);
        expect(records.map(({ index }) => index)).toEqual(calls.map((_, index) => index));
        expect(records.map(({ outcome }) => outcome)).toEqual(calls.map(({ outcome }) => outcome));
        const attempts = served?.attempts ?? error?.attempts ?? [];
        expect(attempts.map(({ target, outcome }) => [target, outcome])).toEqual(
          calls.map(({ model, outcome }) => [`p${model}:m`, outcome]),
        );
        const last = calls.at(-1);
        expect(last?.outcome === 'ok').toBe(served !== undefined);
        // After a failure that ends the chain nobody is asked.
        const ended = calls.findIndex(
          ({ outcome }) => outcome !== 'ok' && ['no', 'policy-chain'].includes(FAILURE_TABLE[outcome].next),
        );
        if (ended !== -1) {
          expect(ended).toBe(calls.length - 1);
          const kind = calls[ended]?.outcome as FailureKind;
          expect(error?.code).toBe(FAILURE_TABLE[kind].code);
        } else if (error !== undefined) {
          // Every model was asked, and the primary's error is told.
          expect(new Set(calls.map(({ model }) => model)).size).toBe(chain.models.length);
          const primary = calls.findLast(({ model }) => model === 0)?.outcome as FailureKind;
          const { code } = FAILURE_TABLE[primary];
          const unpaid = chain.models[0]?.credentials === 0 && primary === 'credential-rejected';
          expect(error.code).toBe(unpaid ? 'credential_missing' : code === 'model_not_found' ? 'upstream_error' : code);
        }
        // The chain is gone through in order.
        const order = calls.map(({ model }) => model);
        expect(order).toEqual([...order].sort((first, second) => first - second));
      }),
      { numRuns: 400 },
    );
  });
});

describe('a fault of our own', () => {
  it('lets another model answer, and is not held against the target', async () => {
    const state = createMemoryState();
    const settings = settingsSchema.parse({ breaker: { failures: 1 } });
    const broken = createModel('p0', 0);
    const faulty: Model = {
      ...broken,
      chat: {
        ...broken.chat,
        passRequest: () => {
          throw new TypeError('a mistake in a translation');
        },
      },
    };
    const events: string[] = [];
    const engine = createFailoverEngine({
      clientFor: () => {
        throw new Error('not asked');
      },
      vault: {
        credentialsFor: () => [],
        tokenFor: () => new Secret(''),
        refreshAfterRejection: async () => false,
      },
      state,
      settings: () => settings,
      observer: { breaker: ({ state: circuit }) => events.push(circuit) },
    });
    const call = { requestId: 'r', dialect: 'openai-chat', estimatedInputTokens: 1 } as CallerRequest;
    const plan: ChainPlan = {
      name: 'default',
      models: [faulty],
      retryPolicy: settings.models.retry_policy,
      timeouts: settings.timeouts,
      policyChain: undefined,
    };
    const asked = engine.answer({ call, plan, signal: new AbortController().signal });
    await expect(asked).rejects.toMatchObject({ code: 'internal_error', http: 500 });
    expect(events).toEqual([]);
    engine.close();
    await state.close();
  });
});
