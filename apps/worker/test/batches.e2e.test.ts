import { join } from 'node:path';
import { setTimeout as sleepFor } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { generateApiKey } from '@moltbot/auth';
import { type ScriptedUpstream, startScriptedUpstream } from '@moltbot/providers/testing';
import { openStorage, type Storage } from '@moltbot/storage';
import OpenAI, { toFile } from 'openai';
import { type PrimaryProcess, startPrimary, temporaryHome } from '../../primary/test/primary-process.js';
import { spawnWorker, type WorkerProcess } from './worker-process.js';

interface ResultLine {
  readonly id: string;
  readonly custom_id: string | null;
  readonly response: { readonly status_code: number; readonly request_id: string; readonly body: unknown } | null;
  readonly error: { readonly code: string; readonly message: string; readonly line?: number } | null;
}

const CHAT = '/v1/chat/completions';
const ENDED = new Set(['completed', 'failed', 'expired', 'cancelled']);

describe('batches', () => {
  const home = temporaryHome();
  let upstream: ScriptedUpstream;
  let storage: Storage;
  let primary: PrimaryProcess;
  let worker: WorkerProcess | undefined;
  const keys: Record<string, { readonly id: string; readonly secret: string }> = {};
  const client = (name = 'plain'): OpenAI =>
    new OpenAI({ baseURL: `${primary.url}/v1`, apiKey: keys[name]?.secret ?? '', maxRetries: 0 });

  beforeAll(async () => {
    upstream = await startScriptedUpstream({ script: { type: 'answer' } });
    storage = await openStorage({
      settings: { storage: { url: 'embedded' } },
      paths: { dataDirectory: join(home.path, 'data') },
    });
    for (const [name, values] of [
      ['plain', {}],
      ['other', {}],
      ['narrow', { models: ['demo:assistant'] }],
      ['poor', { limits: { budget_per_day: 0.002 } }],
      ['slow', { limits: { parallel_requests: 1 } }],
      ['revoked', {}],
    ] as const) {
      const { key, hash, prefix } = generateApiKey();
      const { id } = await storage.apiKeys.create({ name, hash, prefix, scopes: ['jobs'], ...values });
      keys[name] = { id, secret: key.reveal() };
    }
    primary = await startPrimary({
      home: home.path,
      config: {
        server: { access: 'api_key' },
        models: { primary: 'openai:gpt-test', retry_policy: { max_attempts: 1 } },
        providers: {
          openai: {
            base_url: upstream.baseUrl('openai-chat'),
            models: { 'gpt-test': { price: { input: 1, output: 2 } } },
          },
          native: {
            kind: 'openai',
            api: 'responses',
            base_url: upstream.baseUrl('openai-responses'),
            requires_credential: false,
            models: { 'gpt-test': { price: { input: 1, output: 2 } } },
          },
        },
        breaker: { failures: 1_000 },
        worker: { takeover_after: '2s', batch: { concurrency: 4, max_requests: 300 } },
      },
      auth: { openai: { type: 'api_key', key: 'sk-openai' } },
    });
    worker = spawnWorker({ home: home.path });
    await worker.ready();
  });

  afterEach(() => upstream.setScript({ type: 'answer' }));

  afterAll(async () => {
    worker?.kill('SIGKILL');
    await worker?.ended();
    await primary?.stop();
    await storage?.close();
    await upstream?.close();
    home.remove();
  });

  const line = (id: string, body: object = {}, values: object = {}): string =>
    JSON.stringify({
      custom_id: id,
      method: 'POST',
      url: CHAT,
      body: { model: 'default', max_tokens: 10, messages: [{ role: 'user', content: id }], ...body },
      ...values,
    });

  async function submit(
    lines: readonly string[],
    options: { readonly as?: string; readonly endpoint?: string; readonly window?: string } = {},
  ) {
    const api = client(options.as);
    const file = await api.files.create({
      file: await toFile(Buffer.from(lines.join('\n')), 'in.jsonl'),
      purpose: 'batch',
    });
    return api.batches.create({
      input_file_id: file.id,
      endpoint: (options.endpoint ?? CHAT) as typeof CHAT,
      completion_window: (options.window ?? '24h') as '24h',
      metadata: { made: 'by a test' },
    });
  }

  async function until(
    id: string,
    holds: (batch: OpenAI.Batch) => boolean = ({ status }) => ENDED.has(status),
    as?: string,
  ): Promise<OpenAI.Batch> {
    for (const end = performance.now() + 25_000; ; ) {
      const batch = await client(as).batches.retrieve(id);
      if (holds(batch)) return batch;
      if (performance.now() > end) throw new Error(`still ${JSON.stringify(batch)}`);
      await sleepFor(50);
    }
  }

  async function linesOf(fileId: string | null | undefined, as?: string): Promise<readonly ResultLine[]> {
    if (typeof fileId !== 'string') return [];
    const text = await (await client(as).files.content(fileId)).text();
    return text
      .split('\n')
      .slice(0, -1)
      .map((one) => JSON.parse(one) as ResultLine);
  }

  /** Answers so many requests, and says nothing to the others. */
  function answerSome(count: number): void {
    let answered = 0;
    upstream.setScript(() => {
      answered += 1;
      return answered <= count ? { type: 'answer' } : { type: 'silence' };
    });
  }

  const ids = (lines: readonly ResultLine[]) => lines.map(({ custom_id: id }) => id);
  const codes = (lines: readonly ResultLine[]) => lines.map(({ error }) => error?.code);

  it('answers the requests of a file through OpenAI’s own client, in the order of the file, each in the ledger', async () => {
    const before = upstream.requests.length;
    const made = await submit(['a', 'b', 'c', 'd', 'e', 'f'].map((id) => line(id)));
    expect(made).toMatchObject({
      object: 'batch',
      status: 'validating',
      endpoint: CHAT,
      metadata: { made: 'by a test' },
    });
    const batch = await until(made.id);
    expect(batch).toMatchObject({ status: 'completed', request_counts: { total: 6, completed: 6, failed: 0 } });
    expect(batch.error_file_id).toBeNull();
    expect(upstream.requests.length - before).toBe(6);
    const output = await linesOf(batch.output_file_id);
    expect(ids(output)).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
    expect(output[0]).toMatchObject({
      error: null,
      response: { status_code: 200, body: { object: 'chat.completion' } },
    });
    expect(new Set(output.map(({ id }) => id)).size).toBe(6);
    const listed: string[] = [];
    for await (const one of client().batches.list({ limit: 1 })) listed.push(one.id);
    expect(listed).toContain(made.id);
    const rows = await ledgerOf('plain');
    expect(rows).toEqual([{ outcome: 'complete', operation: 'chat', count: 6 }]);
    const file = await client().files.retrieve(String(batch.output_file_id));
    expect(file).toMatchObject({ purpose: 'batch_output', filename: `${made.id}_output.jsonl` });
  });

  async function ledgerOf(name: string) {
    // The worker writes behind the answers.
    await sleepFor(400);
    const found = await storage.db.run<{ outcome: string; operation: string; count: number }>(
      {
        name: 'test_ledger',
        text: `select outcome, operation, count(*)::integer as count from requests where api_key_id = $1
          group by 1, 2 order by 1, 2`,
      },
      [keys[name]?.id],
    );
    return found;
  }

  it('answers with the demo model and makes embeddings too', async () => {
    const demo = await submit([line('hello', { model: 'demo:assistant' })], { as: 'narrow' });
    const batch = await until(demo.id, undefined, 'narrow');
    const [answer] = await linesOf(batch.output_file_id, 'narrow');
    expect(answer).toMatchObject({
      response: { body: { choices: [{ message: { content: expect.stringMatching(/\w/) } }] } },
    });
    const url = '/v1/embeddings';
    const embed = (id: string, input: unknown) => line(id, {}, { url, body: { model: 'openai:gpt-test', input } });
    const made = await submit([embed('one', 'text'), embed('none', [])], { endpoint: url });
    const embedded = await until(made.id);
    const [ok] = await linesOf(embedded.output_file_id);
    const [bad] = await linesOf(embedded.error_file_id);
    expect([ok, bad]).toMatchObject([
      { custom_id: 'one', response: { body: { object: 'list' } } },
      { custom_id: 'none', response: { status_code: 400, body: { error: { param: 'input' } } } },
    ]);
  });

  it('answers requests of the responses API, by models of that API and of others, and names what only OpenAI keeps', async () => {
    const url = '/v1/responses';
    const ask = (id: string, body: object) => line(id, {}, { url, body: { model: 'default', input: id, ...body } });
    upstream.setScript({ type: 'answer', answer: { text: 'Hello there', usage: { inputTokens: 3, outputTokens: 2 } } });
    const made = await submit(
      [
        ask('translated', { model: 'openai:gpt-test', instructions: 'Be brief.' }),
        ask('passed', { model: 'native:gpt-test', store: false, brand_new: 1 }),
        ask('kept', { previous_response_id: 'resp_1' }),
        ask('background', { background: true }),
        ask('streamed', { stream: true }),
        ask('wrong', { input: [] }),
        line('chat'),
      ],
      { endpoint: url },
    );
    const batch = await until(made.id);
    expect(batch).toMatchObject({
      endpoint: url,
      status: 'completed',
      request_counts: { total: 7, completed: 2, failed: 5 },
    });
    const answers = await linesOf(batch.output_file_id);
    expect(ids(answers)).toEqual(['translated', 'passed']);
    for (const { response } of answers) {
      expect(response?.body).toMatchObject({
        object: 'response',
        status: 'completed',
        output: [{ type: 'message', content: [{ type: 'output_text', text: 'Hello there' }] }],
        usage: { input_tokens: 3, output_tokens: 2 },
      });
    }
    expect(answers[0]?.response?.body).toMatchObject({ model: 'openai:gpt-test', instructions: 'Be brief.' });
    expect(upstream.requests.find(({ body }) => body['brand_new'] === 1)?.dialect).toBe('openai-responses');
    const errors = await linesOf(batch.error_file_id);
    expect(ids(errors)).toEqual(['kept', 'background', 'streamed', 'wrong', 'chat']);
    expect(errors.map(({ response }) => response?.body ?? null)).toMatchObject([
      { error: { code: 'invalid_request', param: 'previous_response_id' } },
      { error: { code: 'invalid_request', param: 'background' } },
      null,
      { error: { code: 'invalid_request', param: 'input' } },
      null,
    ]);
    expect(codes(errors).filter((code) => code !== undefined)).toEqual(['invalid_body', 'mismatched_url']);
  });

  it('says of each line what is wrong with it, and answers the others', async () => {
    upstream.setScript((request) =>
      JSON.stringify(request.body).includes('refuse-me') ? { type: 'status', status: 400 } : { type: 'answer' },
    );
    const made = await submit([
      line('good'),
      'no JSON',
      '',
      line('good'),
      line('elsewhere', {}, { url: '/v1/embeddings' }),
      line('streamed', { stream: true }),
      line('nameless', {}, { custom_id: '' }),
      line('unknown', { model: 'openai:' }),
      line('refuse-me'),
      line('last'),
    ]);
    const batch = await until(made.id);
    expect(batch).toMatchObject({ status: 'completed', request_counts: { total: 9, completed: 2, failed: 7 } });
    expect(ids(await linesOf(batch.output_file_id))).toEqual(['good', 'last']);
    const errors = await linesOf(batch.error_file_id);
    expect(ids(errors)).toEqual([null, 'good', 'elsewhere', 'streamed', null, 'unknown', 'refuse-me']);
    expect(codes(errors).slice(0, 5)).toEqual([
      'invalid_json_line',
      'duplicate_custom_id',
      'mismatched_url',
      'invalid_body',
      'missing_custom_id',
    ]);
    expect(errors[0]?.error?.line).toBe(2);
    expect(errors.slice(5).map(({ response }) => response?.status_code)).toEqual([expect.any(Number), 400]);
  });

  it('fails a batch whose file holds nothing, too much, or is gone', async () => {
    const empty = await until((await submit(['', ' ', ''])).id);
    expect(empty).toMatchObject({ status: 'failed', errors: { data: [{ code: 'empty_file' }] } });
    const large = await until((await submit(Array.from({ length: 301 }, (_, index) => line(`l${index}`)))).id);
    expect(large).toMatchObject({ status: 'failed', errors: { data: [{ code: 'too_many_requests' }] } });
    expect([large.output_file_id, large.error_file_id]).toEqual([null, null]);
  });

  it('refuses what can’t be a batch, and shows nobody another’s', async () => {
    const file = await client().files.create({ file: await toFile(Buffer.from(line('x'))), purpose: 'user_data' });
    const make = async (values: object, as?: string) =>
      client(as).batches.create({
        input_file_id: file.id,
        endpoint: CHAT,
        completion_window: '24h',
        ...values,
      });
    await expect(make({})).rejects.toMatchObject({ status: 400, param: 'input_file_id' });
    await expect(make({}, 'other')).rejects.toMatchObject({ status: 400, param: 'input_file_id' });
    await expect(make({ endpoint: '/v1/completions' })).rejects.toMatchObject({ status: 400, param: 'endpoint' });
    await expect(make({ completion_window: '8d' })).rejects.toMatchObject({ param: 'completion_window' });
    await expect(make({ colour: 'red' })).rejects.toMatchObject({ param: 'colour' });
    const { id } = await submit([line('mine')]);
    await expect(client('other').batches.retrieve(id)).rejects.toMatchObject({ status: 404 });
    await expect(client('other').batches.cancel(id)).rejects.toMatchObject({ status: 404 });
    expect((await client('other').batches.list()).data).toEqual([]);
    await until(id);
  });

  it('makes one batch of a request that comes twice under one key', async () => {
    const file = await client().files.create({ file: await toFile(Buffer.from(line('x'))), purpose: 'batch' });
    const make = async (values: object = {}) =>
      client().batches.create(
        { input_file_id: file.id, endpoint: CHAT, completion_window: '24h', ...values },
        { headers: { 'idempotency-key': 'once' } },
      );
    const [first, second] = await Promise.all([make(), make()]);
    expect(second.id).toBe(first.id);
    await expect(make({ metadata: { a: 'b' } })).rejects.toMatchObject({ status: 409, code: 'idempotency_conflict' });
    await until(first.id);
  });

  it('may use only the models that its key may use', async () => {
    const made = await submit([line('no'), line('yes', { model: 'demo:assistant' })], { as: 'narrow' });
    const batch = await until(made.id, undefined, 'narrow');
    expect(ids(await linesOf(batch.output_file_id, 'narrow'))).toEqual(['yes']);
    const [refused] = await linesOf(batch.error_file_id, 'narrow');
    expect(refused).toMatchObject({ custom_id: 'no', response: { status_code: 403 } });
  });

  it('stops where the budget is spent, and says so of every request that is left', async () => {
    upstream.setScript({ type: 'answer', answer: { text: 'x', usage: { inputTokens: 200, outputTokens: 100 } } });
    const made = await submit(
      Array.from({ length: 40 }, (_, index) => line(`b${index}`)),
      { as: 'poor' },
    );
    const batch = await until(made.id, undefined, 'poor');
    expect(batch).toMatchObject({ status: 'failed', errors: { data: [{ code: 'budget_exhausted' }] } });
    const output = await linesOf(batch.output_file_id, 'poor');
    const errors = await linesOf(batch.error_file_id, 'poor');
    expect(output.length).toBeGreaterThan(0);
    expect(output.length).toBeLessThan(10);
    expect(output.length + errors.length).toBe(40);
    expect(new Set(codes(errors))).toEqual(new Set(['budget_exhausted']));
    expect(batch.request_counts).toEqual({ total: 40, completed: output.length, failed: errors.length });
  });

  it('waits for its key’s limits, and holds up nobody else meanwhile', async () => {
    upstream.setScript({ type: 'answer', headersDelayMs: 30 });
    const slow = await submit(
      Array.from({ length: 6 }, (_, index) => line(`s${index}`)),
      { as: 'slow' },
    );
    const quick = await submit([line('q1'), line('q2')]);
    expect((await until(quick.id)).status).toBe('completed');
    expect((await until(slow.id, undefined, 'slow')).request_counts).toEqual({ total: 6, completed: 6, failed: 0 });
  });

  it('is cancelled within seconds, and keeps what was answered', async () => {
    answerSome(5);
    const made = await submit(Array.from({ length: 30 }, (_, index) => line(`c${index}`)));
    await until(made.id, ({ request_counts: counts }) => counts?.completed === 5);
    const asked = performance.now();
    expect((await client().batches.cancel(made.id)).status).toBe('cancelling');
    const batch = await until(made.id);
    expect(performance.now() - asked).toBeLessThan(4_000);
    expect(batch).toMatchObject({ status: 'cancelled', request_counts: { total: 30, completed: 5, failed: 25 } });
    expect(codes(await linesOf(batch.error_file_id))).toEqual(Array.from({ length: 25 }, () => 'batch_cancelled'));
    expect((await client().batches.cancel(made.id)).status).toBe('cancelled');
  });

  it('expires at the end of its window', async () => {
    answerSome(3);
    const made = await submit(
      Array.from({ length: 8 }, (_, index) => line(`e${index}`)),
      { window: '2s' },
    );
    const batch = await until(made.id);
    expect(batch).toMatchObject({ status: 'expired', request_counts: { total: 8, completed: 3, failed: 5 } });
    expect(new Set(codes(await linesOf(batch.error_file_id)))).toEqual(new Set(['batch_expired']));
  });

  it('ends where its key is revoked', async () => {
    answerSome(2);
    const file = await client('revoked').files.create({
      file: await toFile(Buffer.from([line('r1'), line('r2')].join('\n'))),
      purpose: 'batch',
    });
    worker?.kill('SIGTERM');
    await worker?.ended();
    const made = await client('revoked').batches.create({
      input_file_id: file.id,
      endpoint: CHAT,
      completion_window: '24h',
    });
    await storage.apiKeys.revoke({ idOrName: keys['revoked']?.id ?? '' });
    worker = spawnWorker({ home: home.path });
    await worker.ready();
    for (const end = performance.now() + 10_000; ; await sleepFor(50)) {
      const batch = await storage.batches.find(made.id);
      if (batch?.endedAt !== undefined) {
        expect(batch).toMatchObject({ status: 'failed', errors: [{ code: 'invalid_api_key' }], failed: 2 });
        break;
      }
      if (performance.now() > end) throw new Error(`still ${batch?.status}`);
    }
  });

  it('is handed on by a worker that is told to stop, at once, and sends nothing twice', async () => {
    upstream.setScript({ type: 'answer', headersDelayMs: 100 });
    const before = upstream.requests.length;
    const made = await submit(Array.from({ length: 60 }, (_, index) => line(`h${index}`)));
    await until(made.id, ({ request_counts: counts }) => (counts?.completed ?? 0) >= 10);
    const told = performance.now();
    worker?.kill('SIGTERM');
    expect(await worker?.ended()).toMatchObject({ code: 0 });
    expect(performance.now() - told).toBeLessThan(5_000);
    expect((await client().batches.retrieve(made.id)).request_counts?.completed).toBeLessThan(60);
    worker = spawnWorker({ home: home.path });
    await worker.ready();
    expect((await until(made.id)).request_counts).toEqual({ total: 60, completed: 60, failed: 0 });
    expect(upstream.requests.length - before).toBe(60);
  });

  it('goes on where it stood when its worker is killed, twice, and answers no line twice in its files', async () => {
    const LINES = 200;
    upstream.setScript({ type: 'answer', headersDelayMs: 20 });
    const before = upstream.requests.length;
    const made = await submit(Array.from({ length: LINES }, (_, index) => line(`k${index}`)));
    for (const reached of [30, 90]) {
      await until(made.id, ({ request_counts: counts }) => (counts?.completed ?? 0) >= reached);
      worker?.kill('SIGKILL');
      await worker?.ended();
      worker = spawnWorker({ home: home.path });
      await worker.ready();
    }
    const batch = await until(made.id);
    expect(batch).toMatchObject({ status: 'completed', request_counts: { total: LINES, completed: LINES, failed: 0 } });
    const output = await linesOf(batch.output_file_id);
    expect(ids(output)).toEqual(Array.from({ length: LINES }, (_, index) => `k${index}`));
    // Only what was under way at each kill was sent again.
    expect(upstream.requests.length - before).toBeLessThanOrEqual(LINES + 2 * 8);
  }, 60_000);
});
