import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleepFor } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ScriptedUpstream, startScriptedUpstream } from '@moltbot/providers/testing';
import { openStorage } from '@moltbot/storage';
import { type PrimaryProcess, startPrimary, temporaryHome, writeAuth, writeConfig } from './primary-process.js';
import { expectMetric, good } from './refusal.js';

// Shapes that redaction can't know: only care keeps them out.
const CANARIES = {
  first: 'canary-7f1c9b52e0-first',
  second: 'canary-3d8a6e4410-second',
  other: 'canary-b94c0f77d1-other',
};

const home = temporaryHome();
let first: ScriptedUpstream;
let second: ScriptedUpstream;
let primary: PrimaryProcess;

const config = (changes: { primary?: string; baseUrl?: string } = {}) => ({
  models: { primary: changes.primary ?? 'openai:one', retry_policy: { max_attempts: 1 } },
  providers: {
    openai: {
      base_url: changes.baseUrl ?? first.baseUrl('openai-chat'),
      models: { one: { price: { input: 1_000, output: 2_000 } }, two: {} },
    },
    anthropic: { base_url: first.baseUrl('anthropic-messages') },
  },
  breaker: { failures: 1000 },
  logs: { level: 'debug' },
});
const auth = (key: string) => ({
  openai: { type: 'api_key', key },
  anthropic: { type: 'api_key', key: CANARIES.other },
});

beforeAll(async () => {
  first = await startScriptedUpstream({ script: { type: 'answer' } });
  second = await startScriptedUpstream({ script: { type: 'answer' } });
  const startedAt = performance.now();
  primary = await startPrimary({ home: home.path, config: config(), auth: auth(CANARIES.first) });
  process.stderr.write(`primary ready with a new database after ${Math.round(performance.now() - startedAt)} ms\n`);
});

afterAll(async () => {
  await primary?.stop();
  await first?.close();
  await second?.close();
  home.remove();
});

function ask(fields: object = {}, path = '/v1/chat/completions') {
  return fetch(primary.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...good, ...fields }),
  });
}

async function until(holds: () => Promise<boolean> | boolean, what: string): Promise<void> {
  for (const end = performance.now() + 5_000; performance.now() < end; await sleepFor(25)) if (await holds()) return;
  throw new Error(`never: ${what}\n${primary.output().slice(-2_000)}`);
}

describe('an operator', () => {
  it('sees on both ports that it lives and is ready, and with which models', async () => {
    for (const path of ['/health', '/ready']) {
      const [chat, ops] = await Promise.all([fetch(primary.url + path), fetch(primary.opsUrl + path)]);
      expect([path, chat.status, ops.status]).toEqual([path, 200, 200]);
      expect(await chat.json()).toMatchObject({ status: 'ok' });
      expect(await ops.json()).toMatchObject({ status: 'ok' });
    }
    const ready = await (await fetch(`${primary.url}/ready`)).text();
    expect(ready).toContain('openai:one');
  });

  it('finds the metrics of the table, with their labels', async () => {
    expect((await ask()).status).toBe(200);
    await expectMetric(primary, {
      name: 'moltbot_requests_total',
      labels: ['operation="chat"', 'dialect="openai-chat"', 'outcome="complete"'],
      value: (value) => value >= 1,
    });
    const response = await fetch(`${primary.opsUrl}/metrics`);
    expect(response.headers.get('content-type')).toMatch(/^text\/plain/);
    const metrics = await response.text();
    for (const series of [
      'gen_ai_server_request_duration_seconds_bucket{gen_ai_operation_name="chat",gen_ai_provider_name="openai",gen_ai_response_model="one",stream="false",le="+Inf"}',
      'moltbot_attempts_total{provider="openai",model="one",outcome="ok"}',
      'gen_ai_client_operation_duration_seconds_count{gen_ai_operation_name="chat",gen_ai_provider_name="openai",gen_ai_request_model="one"}',
      'gen_ai_client_token_usage_sum{gen_ai_operation_name="chat",gen_ai_provider_name="openai",gen_ai_request_model="one",gen_ai_token_type="output"}',
      'moltbot_cost_micros_total{provider="openai",model="one"}',
      'moltbot_requests_in_flight',
      'moltbot_usage_rows_dropped_total',
      'process_resident_memory_bytes',
      'nodejs_eventloop_lag_seconds',
    ]) {
      expect(metrics.split('\n').some((line) => line.replaceAll('role="primary",', '').includes(series))).toBe(true);
    }
    expect((await fetch(`${primary.url}/metrics`)).status).toBe(404);
  });

  it('reads the API’s own description: valid OpenAPI 3.1 whose references all lead somewhere', async () => {
    const document = (await (await fetch(`${primary.url}/openapi.json`)).json()) as {
      openapi: string;
      paths: Record<string, Record<string, { responses: object; parameters?: { name: string; in: string }[] }>>;
    };
    expect(document.openapi).toMatch(/^3\.1\.\d$/);
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path = '']) => path);
    expect(references.length).toBeGreaterThan(5);
    for (const reference of references) {
      const found = reference
        .split('/')
        .reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], document);
      expect([reference, typeof found]).toEqual([reference, 'object']);
    }
    const page = await fetch(`${primary.url}/docs`);
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    const html = await page.text();
    for (const [path, methods] of Object.entries(document.paths)) {
      expect(html).toContain(path);
      for (const [method, operation] of Object.entries(methods)) {
        expect(Object.keys(operation.responses).length).toBeGreaterThan(0);
        const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
        expect(
          operation.parameters?.filter((parameter) => parameter.in === 'path').map(({ name }) => name) ?? [],
        ).toEqual(names);
        // Each documented route is served.
        const answer = await fetch(primary.url + path.replace('{id}', 'default'), {
          method: method.toUpperCase(),
          ...(method === 'post' && { body: '{}', headers: { 'content-type': 'application/json' } }),
        });
        await answer.arrayBuffer();
        const nobody =
          /^\/v1\/(?:admin\/(?:keys|credentials)|files|batches|jobs|fine_tuning\/jobs)\//.test(path) &&
          method !== 'patch';
        const bad = method === 'post' || method === 'patch';
        // A file comes in a form.
        const refused = path === '/v1/files' ? 415 : 400;
        expect([path, method, answer.status]).toEqual([path, method, nobody ? 404 : bad ? refused : 200]);
      }
    }
  });
});

describe('an edit of a file', () => {
  it('switches the model without a restart', async () => {
    writeConfig(home.path, config({ primary: 'openai:two' }));
    await until(async () => (await ask()).headers.get('x-moltbot-model') === 'openai:two', 'another model');
    expect((await ask({ model: 'openai:one' })).status).toBe(200);
  });

  it('switches the key', async () => {
    await ask();
    expect(first.requests.at(-1)?.headers['authorization']).toBe(`Bearer ${CANARIES.first}`);
    writeAuth(home.path, auth(CANARIES.second));
    await until(async () => {
      await ask();
      return first.requests.at(-1)?.headers['authorization'] === `Bearer ${CANARIES.second}`;
    }, 'another key');
  });

  it('switches a provider’s address while a stream from the old one goes on', async () => {
    first.setScript({ type: 'answer', intervalMs: 20 });
    const stream = await ask({ stream: true });
    writeConfig(home.path, config({ baseUrl: second.baseUrl('openai-chat') }));
    await until(async () => {
      await ask();
      return second.requests.length > 0;
    }, 'another address');
    expect(await stream.text()).toContain('[DONE]');
    first.setScript({ type: 'answer' });
  });

  it.each([
    ['is no YAML', 'models: [unclosed'],
    ['holds a wrong value', '{"models":{"primary":5}}'],
    ['holds an unknown key', '{"modles":{}}'],
  ])('that %s is refused and logged, and the last good one stays', async (_what, text) => {
    const count = () => primary.output().split('configuration refused, the last good one stays').length;
    const before = count();
    writeFileSync(join(home.path, 'config.yml'), text);
    await until(() => count() > before, 'a refusal in the log');
    expect(primary.output()).toMatch(/config\.yml:\d+/);
    const requests = second.requests.length;
    expect((await ask()).status).toBe(200);
    expect(second.requests).toHaveLength(requests + 1);
    await expectMetric(primary, {
      name: 'moltbot_config_reloads_total',
      labels: ['result="refused"'],
      value: (value) => value > 0,
    });
  });

  it('that is good again takes effect', async () => {
    writeConfig(home.path, config());
    await until(async () => {
      const { length } = first.requests;
      await ask();
      return first.requests.length > length;
    }, 'the first address again');
  });

  it('that waits for the next start is named in the log', async () => {
    const named = '"message":"takes effect at the next start","role":"primary","settings":"logs.max_files"';
    expect(primary.output()).not.toContain('takes effect at the next start');
    writeConfig(home.path, { ...config(), logs: { level: 'debug', max_files: 3 } });
    await until(() => primary.output().includes(named), 'a word about the next start');
    writeConfig(home.path, config());
    await until(() => primary.output().split(named).length === 3, 'the same about the way back');
  });
});

describe('what is left after a stop', () => {
  const ids: Record<string, string> = {};

  it('is an account of every request and attempt, the failed and cancelled ones too', async () => {
    const whole = await ask({ model: 'openai:one' });
    ids['complete'] = String(whole.headers.get('x-request-id'));
    const echo = { type: 'status', status: 401, error: { message: `wrong key ${CANARIES.second}` } } as const;
    first.setScript(echo);
    const failed = await ask({ model: 'anthropic:claude' }, '/v1/messages');
    ids['failed'] = String(failed.headers.get('x-request-id'));
    expect(failed.status).toBe(503);
    first.setScript({ type: 'cut', after: 5 });
    const interrupted = await ask({ model: 'openai:two', stream: true });
    ids['interrupted'] = String(interrupted.headers.get('x-request-id'));
    await interrupted.text();
    first.setScript({ type: 'stall', after: 3 });
    const cancelled = await ask({ model: 'openai:two', stream: true });
    ids['cancelled'] = String(cancelled.headers.get('x-request-id'));
    await cancelled.body?.cancel();
    await expectMetric(primary, { name: 'moltbot_requests_in_flight', value: (value) => value === 0 });
    const wrong = await ask({ messages: [] });
    ids['wrong'] = String(wrong.headers.get('x-request-id'));

    const database = Number(/"type":"database-ready","pid":(\d+)/.exec(primary.output())?.[1]);
    expect(await primary.stop()).toBe(0);
    // No process is left behind, nor a lock that the next start would stumble over.
    await until(() => !isAlive(database), 'the end of the database');
    expect(isAlive(Number(primary.child.pid))).toBe(false);

    const storage = await openStorage({
      settings: { storage: { url: 'embedded' } },
      paths: { dataDirectory: join(home.path, 'data') },
    });
    try {
      const rows = await storage.db.kysely.selectFrom('requests').selectAll().execute();
      const attempts = await storage.db.kysely.selectFrom('attempts').selectAll().execute();
      const row = (name: string) => rows.find(({ request_id: id }) => id === ids[name]);
      const attemptsOf = (name: string) => attempts.filter(({ request_id: id }) => id === ids[name]);
      expect(row('complete')).toMatchObject({
        outcome: 'complete',
        operation: 'chat',
        dialect: 'openai-chat',
        served_by: 'openai:one',
        attempts: 1,
        stream: false,
        usage_source: 'provider',
        error_code: null,
      });
      expect(row('complete')?.cost_micros).toBeGreaterThan(0);
      expect(row('failed')).toMatchObject({
        outcome: 'failed',
        error_code: 'credential_rejected',
        dialect: 'anthropic-messages',
      });
      expect(attemptsOf('failed')[0]).toMatchObject({ provider: 'anthropic', model: 'claude', status: 401 });
      expect(row('interrupted')).toMatchObject({
        outcome: 'interrupted',
        error_code: 'stream_interrupted',
        stream: true,
      });
      expect(attemptsOf('interrupted').length).toBe(row('interrupted')?.attempts);
      expect(row('cancelled')).toMatchObject({ outcome: 'cancelled', error_code: 'client_closed' });
      expect(row('cancelled')?.output_tokens).toBeGreaterThan(0);
      expect(attemptsOf('cancelled')).toMatchObject([{ outcome: 'cancelled' }]);
      expect(row('wrong')).toMatchObject({ outcome: 'failed', error_code: 'invalid_request', attempts: 0 });
    } finally {
      await storage.close();
    }
  });

  it('holds no key in anything that was written out', () => {
    const output = primary.output();
    expect(output).toContain(ids['failed']);
    for (const canary of Object.values(CANARIES)) expect(output).not.toContain(canary);
  });

  it('is a home that starts again in no time', async () => {
    expect(existsSync(join(home.path, 'data'))).toBe(true);
    const startedAt = performance.now();
    primary = await startPrimary({ home: home.path, config: config() });
    process.stderr.write(`primary ready with a known database after ${Math.round(performance.now() - startedAt)} ms\n`);
    first.setScript({ type: 'answer' });
    expect((await ask()).status).toBe(200);
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
