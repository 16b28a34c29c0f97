import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleepFor } from 'node:timers/promises';
import Anthropic from '@anthropic-ai/sdk';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { generateApiKey } from '@moltbot/auth';
import type { KeyLimits } from '@moltbot/config';
import type { Scope } from '@moltbot/contracts';
import { type Behaviour, type ScriptedUpstream, startScriptedUpstream } from '@moltbot/providers/testing';
import { openStorage, type Storage } from '@moltbot/storage';
import OpenAI from 'openai';
import { startDatabaseDoor } from './database-door.js';
import { type PrimaryProcess, startPrimary, temporaryHome } from './primary-process.js';
import { expectMetric, refusalOf } from './refusal.js';

const CHAT = '/v1/chat/completions';
const MESSAGES = '/v1/messages';
/** 20 tokens in and 50 out at 2 and 10 a million: 540 millionths. */
const ANSWER: Behaviour = { type: 'answer', answer: { usage: { inputTokens: 20, outputTokens: 50 } } };
const COST = 540;

const home = temporaryHome();
let storage: Storage;
let database: Awaited<ReturnType<typeof startDatabaseDoor>>;
let upstream: ScriptedUpstream;
let second: ScriptedUpstream;
/** Two servers of one cluster: one database. */
let servers: readonly [PrimaryProcess, PrimaryProcess];

interface Key {
  readonly id: string;
  readonly key: string;
}

let names = 0;
async function createKey(limits: KeyLimits | undefined, scopes: readonly Scope[] = ['chat']): Promise<Key> {
  const { key, hash, prefix } = generateApiKey();
  const name = `limited-${(names += 1)}`;
  const { id } = await storage.apiKeys.create({ name, hash, prefix, scopes, limits });
  return { id, key: key.reveal() };
}

beforeAll(async () => {
  storage = await openStorage({
    settings: { storage: { url: 'embedded' } },
    paths: { dataDirectory: join(home.path, 'data') },
  });
  database = await startDatabaseDoor(storage);
  upstream = await startScriptedUpstream({ script: ANSWER });
  second = await startScriptedUpstream({ script: ANSWER });
  const price = { input: 2, output: 10 };
  const config = {
    storage: { url: database.url },
    server: { access: 'api_key' },
    models: {
      primary: 'openai:model',
      fallbacks: ['anthropic:model'],
      retry_policy: { max_attempts: 1 },
      chains: { dear: { primary: 'openai:output-only' }, odd: { primary: 'openai:unpriced' } },
    },
    providers: {
      openai: {
        base_url: upstream.baseUrl('openai-chat'),
        models: {
          model: { price, context_window: 1_000 },
          'output-only': { price: { input: 0, output: 10 } },
          unpriced: {},
        },
        max_connections: 1_024,
      },
      anthropic: { base_url: second.baseUrl('anthropic-messages'), models: { model: { price } } },
    },
    breaker: { failures: 1_000 },
  };
  const auth = { openai: { type: 'api_key', key: 'sk-o' }, anthropic: { type: 'api_key', key: 'sk-a' } };
  servers = await Promise.all([startPrimary({ config, auth }), startPrimary({ config, auth })]);
}, 60_000);

afterAll(async () => {
  await Promise.all((servers ?? []).map((server) => server.stop()));
  await Promise.all([upstream?.close(), second?.close()]);
  database?.stop();
  await storage?.close();
  home.remove();
});

const message = { messages: [{ role: 'user', content: 'Hi' }] };

function ask(
  key: Key | string,
  fields: object = {},
  options: { server?: 0 | 1; path?: string; signal?: AbortSignal } = {},
) {
  const { server = 0, path = CHAT, signal } = options;
  return fetch(servers[server].url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': typeof key === 'string' ? key : key.key },
    body: JSON.stringify({ model: 'default', max_tokens: 50, ...message, ...fields }),
    ...(signal && { signal }),
  });
}

/** Waits until nothing of the key is set aside, and gives what it has spent; the ledger must say the same. */
async function spentOf({ id }: Key): Promise<number> {
  let reserved = -1n;
  let spent = 0n;
  for (const until = performance.now() + 5_000; performance.now() < until; await sleepFor(20)) {
    const { day, month } = await storage.budgets.budgetOf(id);
    reserved = day.reservedMicros;
    spent = day.spentMicros;
    expect(month).toMatchObject({ spentMicros: spent, reservedMicros: reserved });
    if (reserved === 0n) break;
  }
  expect(reserved).toBe(0n);
  return Number(spent);
}

/** What the ledger says of all attempts of the key's requests. */
async function ledgerOf({ id }: Key, atLeast: number): Promise<number> {
  let sum = -1;
  for (const until = performance.now() + 5_000; performance.now() < until && sum < atLeast; await sleepFor(50)) {
    const row = await storage.db.kysely
      .selectFrom('attempts')
      .innerJoin('requests', 'requests.request_id', 'attempts.request_id')
      .where('requests.api_key_id', '=', id)
      .select(({ fn }) => fn.sum<string>('attempts.cost_micros').as('sum'))
      .executeTakeFirst();
    sum = Number(row?.sum ?? 0);
  }
  return sum;
}

describe('a budget', () => {
  it('lets 200 requests at once to two servers spend no more than 50 requests’ worth', async () => {
    // Exactly what is set aside for each is spent by each: 50 x 500 millionths.
    const key = await createKey({ budget_per_day: 0.025 });
    const before = upstream.requests.length;
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, index) => ask(key, { model: 'dear' }, { server: index % 2 === 0 ? 0 : 1 })),
    );
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(50);
    expect(statuses.filter((status) => status === 402)).toHaveLength(150);
    expect(upstream.requests.length - before).toBe(50);
    for (const answer of answers) {
      await answer.arrayBuffer();
      expect(answer.headers.get('x-moltbot-budget-remaining')).toMatch(/^0\.0[012]\d{4}$/);
      if (answer.status === 402) expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    }
    expect(await spentOf(key)).toBe(25_000);
    expect(await ledgerOf(key, 25_000)).toBe(25_000);
    const late = await ask(key, { model: 'dear' });
    expect(await refusalOf(CHAT, late)).toMatchObject({ status: 402, code: 'budget_exhausted' });
    expect(late.headers.get('x-moltbot-budget-remaining')).toBe('0.000000');
    expect(Number(late.headers.get('retry-after'))).toBeGreaterThan(0);
    await expectMetric(servers[0], {
      name: 'moltbot_limit_refusals_total',
      labels: ['limit="day"'],
      value: (value) => value > 10,
    });
    await expectMetric(servers[0], { name: 'moltbot_budget_reservations_open', value: (value) => value === 0 });
    await expectMetric(servers[0], { name: 'moltbot_budget_overruns_total', value: (value) => value === 0 });
  }, 30_000);

  it('is spent by what requests really cost, and never above', async () => {
    const key = await createKey({ budget_per_month: (20 * COST) / 1e6 });
    let answered = 0;
    for (let wave = 0; wave < 30; wave += 1) {
      const answers = await Promise.all(Array.from({ length: 4 }, () => ask(key)));
      await Promise.all(answers.map((answer) => answer.arrayBuffer()));
      answered += answers.filter(({ status }) => status === 200).length;
      await spentOf(key);
    }
    const spent = await spentOf(key);
    expect(spent).toBe(answered * COST);
    expect(spent).toBeLessThanOrEqual(20 * COST);
    // What is left would not pay for a request at its worst: 50 tokens out, its bytes in.
    expect(answered).toBeGreaterThanOrEqual(19);
    expect(await ledgerOf(key, spent)).toBe(spent);
  }, 30_000);

  it('is not asked by those who have none', async () => {
    const key = await createKey(undefined);
    const answer = await ask(key, { model: 'odd' });
    expect(answer.status).toBe(200);
    const own = [...answer.headers.keys()].filter((name) => /ratelimit|budget/.test(name));
    expect(own).toEqual([]);
    await answer.arrayBuffer();
    expect((await storage.budgets.budgetOf(key.id)).month).toMatchObject({ spentMicros: 0n, reservedMicros: 0n });
  });

  it('takes no model whose price nobody knows', async () => {
    const key = await createKey({ budget_per_day: 10 });
    const answer = await ask(key, { model: 'odd' });
    const { status, code, message: text } = await refusalOf(CHAT, answer);
    expect([status, code]).toEqual([400, 'invalid_request']);
    expect(text).toContain('openai:unpriced');
    expect(await spentOf(key)).toBe(0);
  });

  it('names a request that can never be paid for', async () => {
    const key = await createKey({ budget_per_day: 0.01 });
    const answer = await ask(key, { max_tokens: 100_000 });
    const { status, message: text } = await refusalOf(CHAT, answer);
    expect(status).toBe(402);
    expect(text).toMatch(/budget of 0\.010000 a day .* up to 1\.000\d{3}/);
    expect(answer.headers.get('retry-after')).toBeNull();
    expect((await ask(key)).status).toBe(200);
  });

  it('pays what each attempt used: nothing for a failure, all parts of an answer that two models wrote', async () => {
    const key = await createKey({ budget_per_day: 1 });
    upstream.setScript({ type: 'status', status: 503 });
    const fallen = await ask(key);
    expect(fallen.headers.get('x-moltbot-model')).toBe('anthropic:model');
    await fallen.arrayBuffer();
    expect(await spentOf(key)).toBe(COST);
    upstream.setScript({ type: 'cut', after: 4, answer: { text: 'one two three four five six seven eight' } });
    const rescued = await ask(key, { stream: true });
    expect(await rescued.text()).toContain('[DONE]');
    const spent = await spentOf(key);
    expect(spent).toBeGreaterThan(2 * COST);
    expect(await ledgerOf(key, spent)).toBe(spent);
    // All fail: nothing was counted, nothing is due.
    upstream.setScript({ type: 'status', status: 500 });
    second.setScript({ type: 'status', status: 500 });
    expect((await ask(key)).status).toBe(502);
    expect(await spentOf(key)).toBe(spent);
    upstream.setScript(ANSWER);
    second.setScript(ANSWER);
  });

  it('ends an answer whose rescue it can not pay for', async () => {
    // Enough for one answer at its worst, not for half of one and a whole one.
    const key = await createKey({ budget_per_day: 0.0008 });
    const text = 'one two three four five six seven eight '.repeat(8);
    upstream.setScript({ type: 'cut', after: 30, answer: { text } });
    second.setScript({ type: 'slow-first-content', delayMs: 3_000 });
    const started = performance.now();
    const answer = await ask(key, { stream: true });
    const body = await answer.text();
    expect(performance.now() - started).toBeLessThan(2_500);
    expect(body).not.toContain('[DONE]');
    expect(body).toContain('budget_exhausted');
    upstream.setScript(ANSWER);
    second.setScript(ANSWER);
    expect(await spentOf(key)).toBeLessThanOrEqual(800);
  });

  it('pays for what was written before the caller hung up', async () => {
    const key = await createKey({ budget_per_day: 1, parallel_requests: 1 });
    upstream.setScript({ type: 'stall', after: 5, answer: { text: 'one two three four five six seven eight' } });
    const stream = await openStream(key);
    expect(stream.headers['x-moltbot-budget-remaining']).toMatch(/^0\.999\d{3}$/);
    await once(stream, 'data');
    expect((await storage.budgets.budgetOf(key.id)).day.reservedMicros).toBeGreaterThan(COST);
    expect((await ask(key)).status).toBe(429);
    stream.destroy();
    const partly = await spentOf(key);
    expect(partly).toBeGreaterThan(0);
    expect(partly).toBeLessThan(COST);
    expect(await ledgerOf(key, partly)).toBe(partly);
    // A whole answer that nobody waited for may have been all but written: it is paid as if it was.
    upstream.setScript({ type: 'silence' });
    const gone = new AbortController();
    const waiting = ask(key, {}, { signal: gone.signal });
    const before = upstream.requests.length;
    await upstream.waitForRequests(before);
    await sleepFor(50);
    gone.abort();
    await expect(waiting).rejects.toThrow();
    const worst = (await spentOf(key)) - partly;
    expect(worst).toBeGreaterThan(500);
    expect(worst).toBeLessThan(1_000);
    upstream.setScript(ANSWER);
    expect((await ask(key)).status).toBe(200);
  });

  it('gives nothing while the database is away, and those without one go on', async () => {
    const [key, free] = [await createKey({ budget_per_day: 1 }), await createKey({ requests_per_minute: 100 })];
    for (const one of [key, free]) expect((await ask(one)).status).toBe(200);
    const spent = await spentOf(key);
    database.stop();
    try {
      const [refused, answered] = await Promise.all([ask(key), ask(free)]);
      expect(await refusalOf(CHAT, refused)).toMatchObject({ status: 503, code: 'storage_unavailable' });
      expect(answered.status).toBe(200);
    } finally {
      await database.start();
    }
    let status = 0;
    for (const until = performance.now() + 5_000; performance.now() < until && status !== 200; ) {
      status = (await ask(key)).status;
    }
    expect(status).toBe(200);
    expect(await spentOf(key)).toBe(spent + COST);
  }, 30_000);
});

describe('limits', () => {
  it('tell both official clients how they stand, and make them raise their own exceptions', async () => {
    const key = await createKey({ requests_per_minute: 2, tokens_per_minute: 10_000 });
    const openai = new OpenAI({ baseURL: `${servers[0].url}/v1`, apiKey: key.key, maxRetries: 0 });
    const body = { model: 'default', max_tokens: 50, messages: [{ role: 'user' as const, content: 'Hi' }] };
    const { response } = await openai.chat.completions.create(body).withResponse();
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'x-ratelimit-limit-requests': '2',
      'x-ratelimit-remaining-requests': '1',
      'x-ratelimit-reset-requests': expect.stringMatching(/^1m[01](\.\d+)?s$/),
      'x-ratelimit-limit-tokens': '10000',
      'x-ratelimit-remaining-tokens': expect.stringMatching(/^99\d\d$/),
      'x-ratelimit-reset-tokens': expect.stringMatching(/^1m[01](\.\d+)?s$/),
    });
    const streamed = await openai.chat.completions.create({ ...body, stream: true }).withResponse();
    expect(streamed.response.headers.get('x-ratelimit-remaining-requests')).toBe('0');
    for await (const _chunk of streamed.data);
    const refused = await openai.chat.completions.create(body).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(OpenAI.RateLimitError);
    expect(refused).toMatchObject({ status: 429, code: 'key_rate_limited', type: 'rate_limit_error' });
    const { headers } = refused as InstanceType<typeof OpenAI.RateLimitError>;
    expect(headers?.get('x-should-retry')).toBe('true');
    expect(Number(headers?.get('retry-after'))).toBeGreaterThan(50);
    expect(Number(headers?.get('retry-after-ms'))).toBeGreaterThan(50_000);
    expect(headers?.get('x-ratelimit-remaining-requests')).toBe('0');

    const anthropic = new Anthropic({ baseURL: servers[0].url, apiKey: key.key, maxRetries: 0 });
    const limited = await anthropic.messages.create(body).catch((error: unknown) => error);
    expect(limited).toBeInstanceOf(Anthropic.RateLimitError);
    expect(limited).toMatchObject({ status: 429, error: { error: { type: 'rate_limit_error' } } });
    const { headers: theirs } = limited as InstanceType<typeof Anthropic.RateLimitError>;
    expect(Object.fromEntries(theirs ?? [])).toMatchObject({
      'anthropic-ratelimit-requests-limit': '2',
      'anthropic-ratelimit-requests-remaining': '0',
      'anthropic-ratelimit-requests-reset': expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      'anthropic-ratelimit-tokens-limit': '10000',
      'x-ratelimit-limit-requests': '2',
    });
  });

  it('say in each dialect that the money is spent', async () => {
    const key = await createKey({ budget_per_day: 0.000_001 });
    const openai = new OpenAI({ baseURL: `${servers[0].url}/v1`, apiKey: key.key, maxRetries: 0 });
    const body = { model: 'default', max_tokens: 50, messages: [{ role: 'user' as const, content: 'Hi' }] };
    const spent = await openai.chat.completions.create(body).catch((error: unknown) => error);
    expect(spent).toBeInstanceOf(OpenAI.APIError);
    expect(spent).toMatchObject({ status: 402, type: 'insufficient_quota', code: 'budget_exhausted' });
    const anthropic = new Anthropic({ baseURL: servers[0].url, apiKey: key.key, maxRetries: 0 });
    const theirs = await anthropic.messages.create(body).catch((error: unknown) => error);
    expect(theirs).toBeInstanceOf(Anthropic.APIError);
    expect(theirs).toMatchObject({ status: 402, error: { error: { type: 'billing_error' } } });
    // It costs nothing to count, or to see what there is.
    expect((await ask(key, {}, { path: `${MESSAGES}/count_tokens` })).status).toBe(200);
    expect((await openai.models.list()).data.length).toBeGreaterThan(0);
  });

  it('free a place however its request ended', async () => {
    const key = await createKey({ parallel_requests: 2 });
    const free = async (): Promise<number> => {
      const answers = await Promise.all(Array.from({ length: 4 }, () => ask(key)));
      await Promise.all(answers.map((answer) => answer.arrayBuffer()));
      return answers.filter(({ status }) => status === 200).length;
    };
    expect(await free()).toBe(2);
    for (const script of [{ type: 'status', status: 400 }, { type: 'reset' }, { type: 'html' }] as const) {
      upstream.setScript(script);
      second.setScript(script);
      await (await ask(key)).arrayBuffer();
    }
    upstream.setScript({ type: 'stall', after: 2 });
    for (let index = 0; index < 2; index += 1) (await openStream(key)).destroy();
    expect((await ask(key, { messages: 'wrong' })).status).toBe(400);
    expect((await ask(key, { model: 'nothing' })).status).toBe(404);
    upstream.setScript(ANSWER);
    second.setScript(ANSWER);
    let free2 = 0;
    for (const until = performance.now() + 3_000; performance.now() < until && free2 !== 2; ) free2 = await free();
    expect(free2).toBe(2);
  });

  it('count the tokens that were really used', async () => {
    const key = await createKey({ tokens_per_minute: 1_000 });
    const first = await ask(key, { max_tokens: 900 });
    expect(Number(first.headers.get('x-ratelimit-remaining-tokens'))).toBeLessThan(100);
    await first.arrayBuffer();
    // 70 were used; the next may use its 50, and a quarter of its bytes.
    const next = await ask(key, { max_tokens: 50 });
    await next.arrayBuffer();
    expect(Number(next.headers.get('x-ratelimit-remaining-tokens'))).toBeGreaterThan(840);
    const refused = await ask(key, { max_tokens: 900 });
    expect(await refusalOf(CHAT, refused)).toMatchObject({ status: 429, code: 'key_rate_limited' });
  });

  it('hold for embeddings too', async () => {
    const key = await createKey({ requests_per_minute: 1 });
    const body = { model: 'openai:model', input: 'Hi' };
    const first = await ask(key, body, { path: '/v1/embeddings' });
    expect([first.status, first.headers.get('x-ratelimit-remaining-requests')]).toEqual([200, '0']);
    expect((await ask(key, body, { path: '/v1/embeddings' })).status).toBe(429);
  });
});

/** A streamed answer whose reader may go at any time. */
async function openStream(key: Key): Promise<IncomingMessage> {
  const request = httpRequest(servers[0].url + CHAT, {
    method: 'POST',
    agent: false,
    headers: { 'content-type': 'application/json', 'x-api-key': key.key },
  });
  request.end(JSON.stringify({ model: 'default', max_tokens: 50, stream: true, ...message }));
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.on('error', () => undefined);
  return response;
}

describe('what is submitted', () => {
  it('can be cancelled by whoever is at their limit', async () => {
    const key = await createKey({ requests_per_minute: 1 }, ['jobs']);
    const headers = { authorization: `Bearer ${key.key}`, 'content-type': 'application/json' };
    const post = async (path: string, body?: object) =>
      fetch(`${servers[0].url}/v1/jobs${path}`, { method: 'POST', headers, body: JSON.stringify(body ?? {}) });
    const submitted = await post('', { type: 'probe', delay: '1h' });
    const { id } = (await submitted.json()) as { readonly id: string };
    expect((await post('', { type: 'probe' })).status).toBe(429);
    const cancelled = await post(`/${id}/cancel`);
    expect(cancelled.status).toBe(200);
    expect(await cancelled.json()).toMatchObject({ id, state: 'cancelled' });
    expect((await post('/none/cancel')).status).toBe(404);
    expect((await post(`/${id}/retry`)).status).toBe(429);
  });

  it('counts as a request, and looking at it does not', async () => {
    const key = await createKey({ requests_per_minute: 3 }, ['jobs', 'chat']);
    const headers = { 'x-api-key': key.key, 'content-type': 'application/json' };
    const submit = async (type: string) =>
      fetch(`${servers[0].url}/v1/jobs`, { method: 'POST', headers, body: JSON.stringify({ type }) });
    // One that nobody knows counts too: it was asked.
    expect((await submit('probe')).status).toBe(202);
    expect((await submit('nothing')).status).toBe(404);
    for (let looks = 0; looks < 5; looks += 1) {
      expect((await fetch(`${servers[0].url}/v1/jobs`, { headers })).status).toBe(200);
    }
    const chat = await ask(key);
    expect([chat.status, chat.headers.get('x-ratelimit-remaining-requests')]).toEqual([200, '0']);
    const refused = await submit('probe');
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await refused.json()).toMatchObject({ error: { code: 'key_rate_limited' } });
  });
});
