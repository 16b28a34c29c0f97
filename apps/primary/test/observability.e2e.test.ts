import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Server } from 'node:net';
import { OtlpReceiver, type ReceivedSpan } from '../../../packages/observability/test/otlp-receiver.js';
import { spawnWorker, type WorkerProcess } from '../../worker/test/worker-process.js';
import { type PrimaryProcess, startPrimary, temporaryHome } from './primary-process.js';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const CALLER = '00f067aa0ba902b7';
const CANARY = 'what somebody wrote';

const home = temporaryHome();
const collector = new OtlpReceiver();
/** What the syslog server got: each message of octet counting. */
const messages: string[] = [];
/** What our own upstream was sent. */
const seen: IncomingHttpHeaders[] = [];
const servers: Server[] = [];
let primary: PrimaryProcess;
let worker: WorkerProcess;

async function listening(server: Server): Promise<number> {
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

const syslogServer = (): Server =>
  createTcpServer((socket) => {
    let text = '';
    socket.setEncoding('latin1');
    socket.on('error', () => {});
    socket.on('data', (part: string) => {
      text += part;
      for (;;) {
        const count = /^(\d+) /.exec(text);
        if (count === null) return;
        const start = count[0].length;
        const end = start + Number(count[1]);
        if (text.length < end) return;
        messages.push(text.slice(start, end));
        text = text.slice(end);
      }
    });
  });

const upstream = (): Server =>
  createServer((request, response) => {
    seen.push(request.headers);
    request.resume();
    request.on('end', () => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(
        JSON.stringify({
          id: 'x',
          object: 'chat.completion',
          created: 1,
          model: 'm',
          choices: [{ index: 0, message: { role: 'assistant', content: 'answer' }, finish_reason: 'stop' }],
          usage: { prompt_tokens: 3, completion_tokens: 5, total_tokens: 8 },
        }),
      );
    });
  });

beforeAll(async () => {
  await collector.start();
  const [syslogPort, upstreamPort] = await Promise.all([listening(syslogServer()), listening(upstream())]);
  const models = { m: {} };
  const base_url = `http://127.0.0.1:${upstreamPort}/v1`;
  const config = {
    models: {
      primary: 'demo:status=503',
      fallbacks: ['told:m'],
      retry_policy: { max_attempts: 1 },
      chains: { untold: { primary: 'untold:m' } },
    },
    providers: {
      told: { kind: 'openai-compatible', base_url, requires_credential: false, models },
      untold: { kind: 'openai-compatible', base_url, requires_credential: false, models },
    },
    logs: { level: 'debug', console: false, syslog: { url: `tcp://127.0.0.1:${syslogPort}` } },
    tracing: { otlp_endpoint: collector.endpoint, propagate_to: ['told'], sample_ratio: 1 },
  };
  primary = await startPrimary({ home: home.path, config });
  worker = spawnWorker({ home: home.path, flags: { 'logs.console': true } });
  await worker.ready();
}, 60_000);

afterAll(async () => {
  worker?.kill('SIGKILL');
  await worker?.ended();
  await primary?.stop();
  for (const server of servers) server.close();
  await collector.stop();
  home.remove();
}, 60_000);

async function chat(body: object, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${primary.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ messages: [{ role: 'user', content: CANARY }], ...body }),
  });
}

async function until<T>(find: () => T | undefined): Promise<T> {
  const deadline = performance.now() + 25_000;
  for (;;) {
    const found = find();
    if (found !== undefined) return found;
    if (performance.now() > deadline) {
      throw new Error(`never came about; spans: ${collector.spans.map(({ name }) => name).join(', ')}`);
    }
    await new Promise((resolve) => {
      setTimeout(resolve, 25);
    });
  }
}

const span = async (name: string, within?: string): Promise<ReceivedSpan> =>
  until(() => collector.spans.find((one) => one.name === name && (within ?? one.traceId) === one.traceId));

describe('traces and logs of both roles', () => {
  it('tell of a request, its attempts and the provider that is to be told, and hold no content', async () => {
    const answer = await chat({ model: 'default' }, { traceparent: `00-${TRACE}-${CALLER}-01` });
    expect(answer.status).toBe(200);
    await answer.text();
    const requestId = answer.headers.get('x-request-id') ?? '';
    const request = await span('chat default', TRACE);
    expect(request).toMatchObject({
      parentSpanId: CALLER,
      failed: false,
      attributes: { 'moltbot.request.id': requestId, 'gen_ai.usage.output_tokens': 5, 'moltbot.attempts': 2 },
      events: [{ name: 'fallback', attributes: { 'moltbot.from': 'demo:status=503', 'moltbot.to': 'told:m' } }],
      resource: { 'service.name': 'moltbot', 'moltbot.role': 'primary' },
    });
    expect(await span('chat status=503', TRACE)).toMatchObject({
      parentSpanId: request.spanId,
      failed: true,
      attributes: { 'http.response.status_code': 503, 'gen_ai.provider.name': 'demo' },
    });
    const attempt = await span('chat m', TRACE);
    expect(attempt).toMatchObject({ parentSpanId: request.spanId, failed: false });
    expect(seen.at(-1)?.['traceparent']).toBe(`00-${TRACE}-${attempt.spanId}-01`);

    const other = await chat({ model: 'untold' }, { traceparent: `00-${TRACE}-${CALLER}-01` });
    await other.text();
    expect(seen.at(-1)?.['traceparent']).toBeUndefined();

    const line = await until(() => messages.find((text) => text.includes('request ended') && text.includes(requestId)));
    expect(line).toMatch(
      /^<135>1 \S+ \S+ moltbot \d+ - \[meta sequenceId="\d+"\]\[moltbot@32473 role="primary" requestId="req_/,
    );
    expect(line).toContain(`requestId="${requestId}"`);
    expect(messages.join('\n') + collector.text).not.toContain(CANARY);
    expect(primary.output()).toBe('');
  });

  it('tell of the end of a stream', async () => {
    const answer = await chat({ model: 'demo:assistant', stream: true });
    await answer.text();
    const attempt = await span('chat assistant');
    expect(attempt.attributes).toMatchObject({ 'gen_ai.response.finish_reasons': ['stop'] });
    expect(attempt.attributes['gen_ai.response.time_to_first_chunk']).toEqual(expect.any(Number));
  });

  it('join a job to the request that submitted it, over two processes', async () => {
    const trace = randomBytes(16).toString('hex');
    const answer = await fetch(`${primary.url}/v1/jobs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', traceparent: `00-${trace}-${CALLER}-01` },
      body: JSON.stringify({ type: 'warmup', payload: { models: ['demo:tokens=3'] } }),
    });
    expect(answer.status).toBe(202);
    const { id } = (await answer.json()) as { id: string };
    const request = await span('POST /v1/jobs', trace);
    expect(request).toMatchObject({
      parentSpanId: CALLER,
      attributes: { 'http.request.method': 'POST', 'http.route': '/v1/jobs', 'http.response.status_code': 202 },
    });
    const job = await span('process warmup', trace);
    expect(job).toMatchObject({
      parentSpanId: request.spanId,
      failed: false,
      attributes: { 'messaging.message.id': id },
      resource: { 'moltbot.role': 'worker' },
    });
    expect(await span('chat tokens=3', trace)).toMatchObject({ parentSpanId: job.spanId, failed: false });
    expect(worker.records().find(({ message }) => message === 'model warm')).toMatchObject({
      jobId: id,
      traceId: trace,
    });
    // The chat's doors have spans of their own, not two.
    expect(collector.spans.filter(({ name }) => name.includes('/v1/chat'))).toEqual([]);
  });

  it('keep nothing of a trace whose caller does not', async () => {
    const trace = randomBytes(16).toString('hex');
    await (await chat({ model: 'untold' }, { traceparent: `00-${trace}-${CALLER}-00` })).text();
    await (await chat({ model: 'untold' }, { traceparent: `00-${trace}-${CALLER}-01` })).text();
    await span('chat untold', trace);
    expect(collector.spans.filter(({ name, traceId }) => name === 'chat untold' && traceId === trace)).toHaveLength(1);
  });
});
