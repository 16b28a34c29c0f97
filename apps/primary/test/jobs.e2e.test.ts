import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { generateApiKey } from '@moltbot/auth';
import { ENDED_JOB_STATES, type JobView, jobViewSchema } from '@moltbot/contracts';
import { openStorage, type Storage } from '@moltbot/storage';
import { join } from 'node:path';
import { spawnWorker, type WorkerProcess } from '../../worker/test/worker-process.js';
import { type PrimaryProcess, startPrimary, temporaryHome } from './primary-process.js';

interface Event {
  readonly id: string | undefined;
  readonly event: string;
  readonly data: Record<string, unknown>;
}

const home = temporaryHome();
const keys: Record<string, string> = {};
let storage: Storage;
let primary: PrimaryProcess;
let worker: WorkerProcess;

beforeAll(async () => {
  storage = await openStorage({
    settings: { storage: { url: 'embedded' } },
    paths: { dataDirectory: join(home.path, 'data') },
  });
  for (const [name, scopes, models] of [
    ['anna', ['jobs'], undefined],
    ['bert', ['jobs'], ['demo:fast']],
    ['chat', ['chat'], undefined],
    ['boss', ['admin'], undefined],
  ] as const) {
    const { key, hash, prefix } = generateApiKey();
    keys[name] = key.reveal();
    await storage.apiKeys.create({ name, hash, prefix, scopes, ...(models && { models }) });
  }
  primary = await startPrimary({ home: home.path, config: { server: { access: 'api_key' } } });
  worker = spawnWorker({ home: home.path, flags: { 'worker.takeover_after': '1s' } });
  await worker.ready();
}, 60_000);

afterAll(async () => {
  worker?.kill('SIGKILL');
  await worker?.ended();
  await primary?.stop();
  await storage?.close();
  home.remove();
}, 60_000);

async function call(
  path: string,
  options: { readonly as?: string; readonly body?: unknown; readonly headers?: Record<string, string> } = {},
): Promise<Response> {
  const { as = 'anna', body, headers } = options;
  return fetch(primary.url + path, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${keys[as]}`, ...headers, ...(body !== undefined && JSON_TYPE) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
}

const JSON_TYPE = { 'content-type': 'application/json' };

async function submit(payload: object, type = 'probe'): Promise<JobView> {
  const answer = await call('/v1/jobs', { body: { type, payload } });
  expect(answer.status).toBe(202);
  return jobViewSchema.parse(await answer.json());
}

async function ended(id: string, state: (job: JobView) => boolean = (job) => ENDED_JOB_STATES.has(job.state)) {
  for (let tries = 0; tries < 400; tries += 1) {
    const job = jobViewSchema.parse(await (await call(`/v1/jobs/${id}`)).json());
    if (state(job)) return job;
    await new Promise((resolve) => {
      setTimeout(resolve, 25);
    });
  }
  throw new Error(`the job ${id} does not end`);
}

/** Events as they come, until the stream ends or enough were read. */
async function* events(id: string, lastEventId?: string): AsyncGenerator<Event, void, undefined> {
  const answer = await call(`/v1/jobs/${id}/events`, {
    ...(lastEventId !== undefined && { headers: { 'last-event-id': lastEventId } }),
  });
  expect(answer.headers.get('content-type')).toContain('text/event-stream');
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of answer.body as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true });
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const lines = new Map(
        text
          .slice(0, end)
          .split('\n')
          .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)] as const),
      );
      text = text.slice(end + 2);
      const event = lines.get('event');
      if (event === undefined) continue;
      yield { id: lines.get('id'), event, data: JSON.parse(lines.get('data') ?? '{}') as Record<string, unknown> };
    }
  }
}

async function errorOf(
  answer: Response,
): Promise<{ readonly status: number; readonly error: Record<string, unknown> }> {
  const { error } = (await answer.json()) as { readonly error: Record<string, unknown> };
  return { status: answer.status, error };
}

describe('jobs over HTTP', () => {
  it('are submitted, done in a thread, and leave a result and a file', async () => {
    const job = await submit({ steps: 3, busy_ms: 5 });
    expect(job).toMatchObject({ object: 'job', type: 'probe', attempts: 0, max_attempts: 3 });
    const done = await ended(job.id);
    expect(done).toMatchObject({
      state: 'completed',
      progress: { done: 3, of: 3 },
      error: null,
      result: { steps: 3 },
      artifacts: [{ name: 'probe.txt', content_type: 'text/plain; charset=utf-8', sha256: expect.any(String) }],
    });
    expect(await (await call(`/v1/jobs/${job.id}/result`)).json()).toMatchObject({
      type: 'probe',
      result: { steps: 3 },
    });
    expect(await (await call(`/v1/jobs/${job.id}/artifacts`)).json()).toMatchObject({ data: [{ name: 'probe.txt' }] });
    const file = await call(`/v1/jobs/${job.id}/artifacts/probe.txt`);
    expect(await file.text()).toMatch(/^3 steps in \d+ ms\n$/);
    expect(file.headers.get('content-disposition')).toContain('attachment');
    for (const name of ['other.txt', '..%2f..%2fkeys', 'A']) {
      expect((await call(`/v1/jobs/${job.id}/artifacts/${name}`)).status).toBe(404);
    }
  });

  it('are refused before anything is queued: another type, a wrong payload, other fields, no scope, other models', async () => {
    const unknown = await errorOf(await call('/v1/jobs', { body: { type: 'train\u001b[2J', payload: {} } }));
    expect(unknown).toMatchObject({ status: 404, error: { code: 'not_found', param: 'type' } });
    expect(unknown.error['message']).toContain('warmup, probe');
    for (const [payload, param] of [
      [{ steps: 0 }, 'payload.steps'],
      [{ steps: 'many' }, 'payload.steps'],
      [{ stepz: 1 }, 'payload.stepz'],
      [null, 'payload'],
      ['x', 'payload'],
    ] as const) {
      const refused = await errorOf(await call('/v1/jobs', { body: { type: 'probe', payload } }));
      expect(refused).toMatchObject({ status: 422, error: { code: 'invalid_request', param } });
    }
    const cases: readonly [unknown, string, number][] = [
      [{ payload: {} }, 'anna', 400],
      [{ type: 'probe', payload: {}, priority: 1 }, 'anna', 400],
      [{ type: 'probe', delay: 'soon' }, 'anna', 400],
      [{ type: 'probe' }, 'chat', 403],
      [{ type: 'warmup' }, 'bert', 403],
      [{ type: 'warmup', payload: { models: ['demo:slow'] } }, 'bert', 403],
    ];
    for (const [body, as, status] of cases) expect((await call('/v1/jobs', { as, body })).status).toBe(status);
    const key = { headers: { 'idempotency-key': 'x'.repeat(257) }, body: { type: 'probe' } };
    expect(await errorOf(await call('/v1/jobs', key))).toMatchObject({ status: 400 });
    for (const as of ['anna', 'bert']) {
      const { data } = (await (await call('/v1/jobs?limit=100', { as })).json()) as { data: JobView[] };
      expect(data.filter(({ state }) => state !== 'completed')).toEqual([]);
    }
  });

  it('are one for one Idempotency-Key and payload', async () => {
    const send = (steps: number, as = 'anna') =>
      call('/v1/jobs', { as, body: { type: 'probe', payload: { steps } }, headers: { 'idempotency-key': 'order 7' } });
    const answers = await Promise.all([send(2), send(2), send(2)]);
    const jobs = await Promise.all(answers.map(async (answer) => jobViewSchema.parse(await answer.json())));
    expect(new Set(jobs.map(({ id }) => id)).size).toBe(1);
    expect(answers.map(({ status }) => status).toSorted((left, right) => left - right)).toEqual([200, 200, 202]);
    expect(await errorOf(await send(3))).toMatchObject({ status: 409, error: { code: 'idempotency_conflict' } });
    expect((await send(3, 'bert')).status).toBe(202);
  });

  it('are seen by their owner and by administrators only', async () => {
    const { id } = await submit({});
    await ended(id);
    for (const path of ['', '/events', '/result', '/artifacts', '/artifacts/probe.txt']) {
      expect((await call(`/v1/jobs/${id}${path}`, { as: 'bert' })).status).toBe(404);
      const answer = await call(`/v1/jobs/${id}${path}`, { as: 'boss' });
      expect(answer.status).toBe(200);
      await answer.body?.cancel();
    }
    for (const act of ['cancel', 'retry']) {
      expect((await call(`/v1/jobs/${id}/${act}`, { as: 'bert', body: {} })).status).toBe(404);
    }
    type List = { readonly data: readonly JobView[]; readonly next_after: string | null; readonly has_more: boolean };
    const list = async (query: string, as = 'anna') => (await (await call(`/v1/jobs?${query}`, { as })).json()) as List;
    expect((await list('type=probe&state=completed&limit=1')).data).toMatchObject([{ id }]);
    expect((await list('limit=100', 'bert')).data.map((job) => job.id)).not.toContain(id);
    expect((await list('limit=100', 'boss')).data.map((job) => job.id)).toContain(id);
    const first = await list('limit=1');
    const second = await list(`limit=1&after=${first.next_after}`);
    expect(first.has_more).toBe(true);
    expect(second.data[0]?.id).not.toBe(id);
    expect((await call('/v1/jobs?type=train')).status).toBe(404);
    expect((await call('/v1/jobs?after=x')).status).toBe(400);
    expect((await call('/v1/jobs/never')).status).toBe(404);
  });

  it('tell their progress as events; who comes back with the last id has each once, and nothing after the end', async () => {
    const { id } = await submit({ steps: 8, wait_ms: 120 });
    const seen: Event[] = [];
    for await (const event of events(id)) {
      seen.push(event);
      if (seen.filter(({ event: kind }) => kind === 'progress').length === 3) break;
    }
    // While nobody listens the job goes on.
    await new Promise((resolve) => {
      setTimeout(resolve, 300);
    });
    for await (const event of events(id, seen.at(-1)?.id)) seen.push(event);
    const done = seen
      .filter(({ event }) => event === 'progress')
      .map(({ data }) => (data['progress'] as { done: number }).done);
    expect(done).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(seen.find(({ event }) => event === 'state')?.data['id']).toBe(id);
    expect(seen.at(-1)).toMatchObject({ event: 'end', data: { id, state: 'completed', result: { steps: 8 } } });
    const after = await call(`/v1/jobs/${id}/events`, { headers: { 'last-event-id': seen.at(-1)?.id ?? '' } });
    expect(after.status).toBe(204);
  });

  it('are cancelled within a second though they never look up, and can be retried; only then', async () => {
    const { id } = await submit({ steps: 1, busy_ms: 60_000 });
    await ended(id, ({ state }) => state === 'active');
    expect(await errorOf(await call(`/v1/jobs/${id}/result`))).toMatchObject({ status: 409 });
    expect((await call(`/v1/jobs/${id}/retry`, { body: {} })).status).toBe(409);
    const began = performance.now();
    expect((await call(`/v1/jobs/${id}/cancel`, { body: {} })).status).toBe(200);
    const cancelled = await ended(id);
    expect(performance.now() - began).toBeLessThan(1_500);
    expect(cancelled).toMatchObject({ state: 'cancelled', error: { code: 'job_cancelled' } });
    const answer = await fetch(`${primary.url}/v1/jobs/${id}/retry`, {
      method: 'POST',
      headers: { authorization: `Bearer ${keys['anna']}` },
    });
    expect(answer.status).toBe(200);
    await ended(id, ({ state }) => state === 'active');
    await call(`/v1/jobs/${id}/cancel`, { body: {} });
    await ended(id);
  });

  it('that use the CPU for ever keep no other from being done, and are handed back when the worker stops', async () => {
    const { id } = await submit({ steps: 1, busy_ms: 60_000 });
    const first = await ended(id, ({ state }) => state === 'active');
    const began = performance.now();
    const other = await submit({ models: ['demo:fast'] }, 'warmup');
    expect(await ended(other.id)).toMatchObject({ state: 'completed' });
    expect(performance.now() - began).toBeLessThan(5_000);
    worker.kill('SIGTERM');
    // Its grace is 25 s: whoever is asked twice goes at once, and another takes the job over.
    await worker.logged('draining');
    worker.kill('SIGTERM');
    await worker.ended();
    worker = spawnWorker({ home: home.path, flags: { 'worker.takeover_after': '1s', 'worker.drain_grace': '200ms' } });
    await worker.ready();
    const taken = performance.now();
    await ended(id, (job) => job.state === 'active' && job.started_at !== first.started_at);
    expect(performance.now() - taken).toBeLessThan(10_000);
    worker.kill('SIGTERM');
    expect(await worker.ended()).toEqual({ code: 0, signal: null });
    expect(await ended(id, () => true)).toMatchObject({ state: 'waiting' });
    await call(`/v1/jobs/${id}/cancel`, { body: {} });
    expect(await ended(id)).toMatchObject({ state: 'cancelled' });
  }, 40_000);
});
